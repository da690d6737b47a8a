// node snarkjs.cjs NODE_MODULES INPUT: snarkjs' verdicts on the cases of INPUT, {key, cases: [{public, proof}]}, as a list.
const { readFileSync } = require("node:fs");
const { groth16 } = require(process.argv[2] + "/snarkjs");

async function main() {
  const { key, cases } = JSON.parse(readFileSync(process.argv[3], "utf8"));
  const verdicts = [];
  for (const { public: signals, proof } of cases) {
    verdicts.push(await groth16.verify(key, signals, proof));
  }
  process.stdout.write(JSON.stringify(verdicts), () => process.exit(0));
}

main();

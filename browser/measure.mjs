// Sizes and times of the package, against snarkjs in the same run; writes bench/results/browser.md.
//
//   tools/fetch npm && node browser/build.mjs && node browser/measure.mjs [--runs 9]
//
// Cold: a fresh process, or a fresh browser context, loads the module, compiles it, prepares the key and checks one proof.
// Warm: the median of many checks after that. Runs alternate between the two.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import zlib from "node:zlib";

import { constants, newest } from "./tests/corpus.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, "..");
const light = path.join(path.resolve(root, process.env.CARGO_TARGET_DIR ?? "target"), "light");
const modules = path.join(path.resolve(root, process.env.TRIFOLD_CACHE ?? ".cache"), "tools/npm/node_modules");
const [, runsGiven] = process.argv.join(" ").match(/--runs (\d+)/) ?? [];
const RUNS = Number(runsGiven ?? 9);
const WARM_CHECKS = 20;

const [oursPath, theirsPath] = [path.join(light, "package/light.js"), path.join(modules, "snarkjs")];
const input = { network: JSON.stringify(constants), bundle: JSON.stringify(newest.json), hex: newest.bytes, key: constants.verification_key, x: newest.x, proof: newest.json.proof };

/** Runs in Node and in the page alike, so it is self-contained. */
async function ours({ load, input, checks }) {
  const begun = performance.now();
  const { LightClient } = await load();
  const client = await LightClient.fromCheckpoint(input.network, input.bundle);
  const cold = performance.now() - begun;
  const update = Uint8Array.from(input.hex.match(/../g), (byte) => parseInt(byte, 16));
  const times = [];
  for (let i = 0; i < checks; i++) {
    const begun = performance.now();
    client.verify(update);
    times.push(performance.now() - begun);
  }
  return { cold, warm: times.sort((a, b) => a - b)[checks >> 1] };
}

async function theirs({ load, input, checks }) {
  const begun = performance.now();
  const snarkjs = await load();
  const verify = async () => {
    if (!(await snarkjs.groth16.verify(input.key, [input.x], input.proof))) throw new Error("snarkjs refuses");
  };
  await verify();
  const cold = performance.now() - begun;
  const times = [];
  for (let i = 0; i < checks; i++) {
    const begun = performance.now();
    await verify();
    times.push(performance.now() - begun);
  }
  return { cold, warm: times.sort((a, b) => a - b)[checks >> 1] };
}

/** In a process of its own. */
function inNode(measure) {
  const load = measure === ours ? `() => import(${JSON.stringify(pathToFileURL(oursPath).href)})` : `async () => require(${JSON.stringify(theirsPath)})`;
  const program = `const require = process.getBuiltinModule("node:module").createRequire("/"); const measure = ${measure}; measure({ load: ${load}, input: ${JSON.stringify(input)}, checks: ${WARM_CHECKS} }).then((times) => { console.log(JSON.stringify(times)); process.exit(0); });`;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" }));
}

async function inChromium() {
  const executablePath = chromium();
  if (!executablePath) return null;
  const { chromium: driver } = createRequire(path.join(modules, "/"))("playwright-core");
  const served = { "/": ["text/html", "<!doctype html><title>measure</title>"], "/light.js": ["text/javascript", read("package/light.js")], "/snarkjs.js": ["text/javascript", fs.readFileSync(path.join(theirsPath, "build/snarkjs.min.js"))] };
  const server = http.createServer((request, response) => {
    const [type, content] = served[request.url] ?? ["text/plain", ""];
    response.writeHead(served[request.url] ? 200 : 404, { "content-type": type }).end(content);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const browser = await driver.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
  const loaders = new Map([[ours, "() => import('/light.js')"], [theirs, "() => new Promise((done) => { const script = document.createElement('script'); script.src = '/snarkjs.js'; script.onload = () => done(window.snarkjs); document.head.append(script); })"]]);
  const times = await alternate(async (measure) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(url);
    const found = await page.evaluate(`(${measure})({ load: ${loaders.get(measure)}, input: ${JSON.stringify(input)}, checks: ${WARM_CHECKS} })`);
    await context.close();
    return found;
  });
  const version = browser.version();
  await browser.close();
  server.closeAllConnections();
  server.close();
  return { version, times };
}

function chromium() {
  if (process.env.TRIFOLD_CHROMIUM) return process.env.TRIFOLD_CHROMIUM;
  const folders = process.env.PATH.split(path.delimiter);
  return folders.flatMap((folder) => ["chromium", "chromium-browser", "google-chrome"].map((name) => path.join(folder, name))).find((file) => fs.existsSync(file));
}

/** Medians of both, measured in turns. */
async function alternate(run) {
  const all = [];
  for (let i = 0; i < RUNS; i++) all.push([await run(ours), await run(theirs)]);
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const [our, their] = [0, 1].map((which) => ({ cold: median(all.map((pair) => pair[which].cold)), warm: median(all.map((pair) => pair[which].warm)) }));
  return { our, their };
}

function read(name) {
  return fs.readFileSync(path.join(light, name));
}

const compressed = (...names) => names.reduce((sum, name) => sum + zlib.gzipSync(read(name), { level: 9 }).length, 0);
const fixed = (value, digits = 1) => value.toFixed(digits);

function table({ our, their }) {
  const row = (name, kind) => `| ${name} | ${fixed(our[kind])} | ${fixed(their[kind])} | ${fixed(their[kind] / our[kind])} |\n`;
  return `| | this package, ms | snarkjs, ms | times |\n|---|---|---|---|\n${row("cold: load, compile, prepare, one check", "cold")}${row("warm: one check", "warm")}`;
}

const node = await alternate(async (measure) => inNode(measure));
const page = await inChromium();
const [packageBytes, pageBytes] = [compressed("package/light.js"), compressed(...fs.readdirSync(path.join(light, "page")).map((name) => `page/${name}`))];
const { version: snarkjs } = JSON.parse(fs.readFileSync(path.join(theirsPath, "package.json"), "utf8"));
const report = `# The package in JavaScript

\`node browser/measure.mjs --runs ${RUNS}\`, ${new Date().toISOString().slice(0, 10)}, ${os.cpus()[0].model.trim()}, ${os.cpus().length} cores, shared. Medians of ${RUNS} fresh
processes or browser contexts, in turns; warm is the median of ${WARM_CHECKS} checks in each. snarkjs ${snarkjs}, \`groth16.verify\`, checks the proof alone;
this package also reads 217 bytes, hashes the statement and, cold, reads the network from JSON.

All that a program loads, gzipped: **${packageBytes} bytes** (at most 80 kB); the page with everything: ${pageBytes} bytes.

## Node ${process.versions.node}

${table(node)}
${page ? `## Chromium ${page.version}\n\n${table(page.times)}` : "Chromium: none on this machine.\n"}`;
fs.writeFileSync(path.join(root, "bench/results/browser.md"), report);
process.stdout.write(report);

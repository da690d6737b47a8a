// An EVM with mainnet's limits and one funded account. Usage: node evm.mjs NODE_MODULES
// Each line of its input is a transaction, {to, data} in hex, without `to` for a deployment; each line of its output says what
// became of it: {ok, output, gas, address, topics}. Gas is all that the sender pays for.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(resolve(process.argv[2], 'evm.cjs'));
const { createVM, runTx } = require('@ethereumjs/vm');
const { Common, Hardfork, Mainnet } = require('@ethereumjs/common');
const { createLegacyTx } = require('@ethereumjs/tx');
const { bytesToHex, createAccount, createAddressFromPrivateKey } = require('@ethereumjs/util');

const GAS_LIMIT = 16_000_000n; // below what EIP-7825 lets a transaction have
const common = new Common({ chain: Mainnet, hardfork: Hardfork.Prague });
const vm = await createVM({ common });
const key = new Uint8Array(32).fill(1);
await vm.stateManager.putAccount(createAddressFromPrivateKey(key), createAccount({ balance: 10n ** 30n }));

let nonce = 0n;
for await (const line of createInterface({ input: process.stdin })) {
  const { to, data } = JSON.parse(line);
  const fields = { nonce: nonce++, gasPrice: 100n, gasLimit: GAS_LIMIT, to, data };
  const tx = createLegacyTx(fields, { common }).sign(key);
  const { execResult, totalGasSpent, createdAddress } = await runTx(vm, { tx, skipBlockGasLimitValidation: true });
  console.log(JSON.stringify({
    ok: execResult.exceptionError === undefined,
    error: execResult.exceptionError?.error,
    output: bytesToHex(execResult.returnValue),
    gas: Number(totalGasSpent),
    address: createdAddress?.toString(),
    topics: (execResult.logs ?? []).map(([, topics, data]) => [...topics, data].map(bytesToHex)),
  }));
}

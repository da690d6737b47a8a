// Runs the circom compiler of npm's circom2 (WebAssembly) with node's own WASI, which, unlike the package's runner,
// reads the compiler's memory above 2 GiB. Usage: node circom.mjs CIRCOM_WASM ARGUMENTS...; paths are relative to the
// current folder.
import { readFileSync, writeSync } from 'node:fs';
import { WASI } from 'node:wasi';

const [wasm, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args: ['circom', ...args], preopens: { '.': '.' }, returnOnExit: true });
const module = await WebAssembly.compile(readFileSync(wasm));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
const code = wasi.start(instance);
// Node 20 sometimes crashes when it tears down a program this big, so success is said before that.
if (code === 0) writeSync(1, 'circom exited with 0\n');
process.exit(code);

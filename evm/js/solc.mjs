// Compiles with npm's solc: standard JSON in, standard JSON out. Usage: node solc.mjs NODE_MODULES <INPUT >OUTPUT
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(resolve(process.argv[2], 'solc.cjs'));
writeFileSync(1, require('solc').compile(readFileSync(0, 'utf8')));

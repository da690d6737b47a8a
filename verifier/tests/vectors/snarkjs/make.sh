#!/bin/sh
# Makes proof.json, public.json and verification_key.json anew, with circom2 0.2.23 and snarkjs 0.7.6.
# The setup draws fresh randomness, so every run gives other files.
#   sh make.sh BIN      BIN: the folder of the two commands (tools/fetch npm: .cache/tools/npm/node_modules/.bin)
set -eu
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$here/mini.circom" .
"$bin/circom2" mini.circom --r1cs --wasm >circom.log
snarkjs() { "$bin/snarkjs" "$@" >>snarkjs.log; }
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
snarkjs powersoftau new bn128 5 0.ptau
snarkjs powersoftau contribute 0.ptau 1.ptau --name=test -e="$(random)"
snarkjs powersoftau prepare phase2 1.ptau final.ptau
snarkjs groth16 setup mini.r1cs final.ptau 0.zkey
snarkjs zkey contribute 0.zkey 1.zkey --name=test -e="$(random)"
snarkjs zkey export verificationkey 1.zkey verification_key.json
snarkjs groth16 fullprove "$here/input.json" mini_js/mini.wasm 1.zkey proof.json public.json
snarkjs groth16 verify verification_key.json public.json proof.json
cp proof.json public.json verification_key.json "$here"

// Builds the npm package and the page out of this crate.
//
//   tools/fetch npm && node browser/build.mjs    -> target/light/package, target/light/page (CARGO_TARGET_DIR replaces target)
//
// Each file is written beside its place and renamed, so that builds at the same time don't disturb each other.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const TARGET = "wasm32-unknown-unknown";
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, "..");
const target = path.resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
const out = path.join(target, "light");
const cargo = process.env.CARGO ?? "cargo";

const module_ = withoutCustomSections(compile());
const packed = await deflate(module_);
// What is said about it is in light.d.ts; comments would be loaded by everyone.
const source = read("package/light.js").toString().replace(/^ *(\/\/.*|\/\*\*.*\*\/)\n/gm, "");
const files = { "light.js": source.replace("%WASM%", packed.toString("base64")) };
write("package", { ...files, "light.d.ts": read("package/light.d.ts"), "package.json": read("package/package.json"), "README.md": read("package/README.md"), LICENSE: read("../LICENSE") });
write("page", { ...files, ...Object.fromEntries(["index.html", "page.css", "page.js", "follower.js"].map((name) => [name, read(`page/${name}`)])) });
console.log(`${out}: wasm ${module_.length} bytes, ${packed.length} compressed`);

function compile() {
  const library = execFileSync("rustc", ["--print", "target-libdir", "--target", TARGET], { cwd: root, encoding: "utf8" }).trim();
  if (!fs.existsSync(library)) {
    console.error(`trifold: missing Rust target ${TARGET}: run tools/fetch wasm`);
    process.exit(1);
  }
  const folder = path.join(out, "cargo");
  // Panics name their places in the source; whose home that was is nobody's business, and the module is the same everywhere.
  const homes = [[root, "trifold"], [process.env.CARGO_HOME ?? path.join(os.homedir(), ".cargo"), "cargo"]];
  // Numbers of functions in as few bytes as they need.
  const flags = [...homes.map(([home, name]) => `--remap-path-prefix=${fs.realpathSync(home)}=${name}`), "-Clink-arg=--compress-relocations"];
  execFileSync(cargo, ["build", "--quiet", "--locked", "--profile", "wasm", "--target", TARGET, "--package", "trifold-browser", "--lib", "--target-dir", folder], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f") },
  });
  return fs.readFileSync(path.join(folder, TARGET, "wasm", "trifold_browser.wasm"));
}

/** Names of functions and what made the module: nothing that runs. */
function withoutCustomSections(module_) {
  const [HEADER_BYTES, CUSTOM] = [8, 0];
  const kept = [module_.subarray(0, HEADER_BYTES)];
  for (let at = HEADER_BYTES; at < module_.length; ) {
    const from = at;
    const kind = module_[at++];
    let [length, shift, byte] = [0, 0, 0];
    do {
      byte = module_[at++];
      length |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte & 0x80);
    at += length;
    if (kind !== CUSTOM) kept.push(module_.subarray(from, at));
  }
  return Buffer.concat(kept);
}

/** A twentieth smaller than zlib makes it, in the same format. */
async function deflate(bytes) {
  const modules = path.join(path.resolve(root, process.env.TRIFOLD_CACHE ?? ".cache"), "tools/npm/node_modules");
  if (!fs.existsSync(path.join(modules, "@gfx/zopfli"))) {
    console.error("trifold: missing tools: run tools/fetch npm");
    process.exit(1);
  }
  const zopfli = createRequire(path.join(modules, "/"))("@gfx/zopfli");
  return Buffer.from(await zopfli.deflateAsync(bytes, { numiterations: 15 }));
}

function read(name) {
  return fs.readFileSync(path.join(here, name));
}

function write(folder, files) {
  fs.mkdirSync(path.join(out, folder), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(out, folder, name);
    const temporary = `${file}.${process.pid}`;
    fs.writeFileSync(temporary, content);
    fs.renameSync(temporary, file);
  }
}

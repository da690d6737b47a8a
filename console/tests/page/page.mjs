// Drives the live page; see ../page.rs. Orders go to the standard output, what a person should read to the standard error.

import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import readline from "node:readline";

const [modules, chromiumPath, small, large] = process.argv.slice(2);
const require = createRequire(path.join(modules, "/"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(path.join(modules, "axe-core/axe.min.js"), "utf8");
const pictures = process.env.TRIFOLD_SCREENSHOTS;

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function order(line) {
  process.stdout.write(`${line}\n`);
  assert.equal((await answers.next()).value, "done");
}
const advance = (farm, ms) => order(`advance ${farm} ${ms}`);
const say = (text) => process.stderr.write(`${text}\n`);

const profile = fs.mkdtempSync(path.join(os.tmpdir(), "trifold-page-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: chromiumPath,
  headless: true,
  viewport: { width: 1440, height: 1000 },
  colorScheme: "dark",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** A page whose errors, and requests to anyone else, are collected. */
async function open(url, { width = 1440, height = 1000, colorScheme = "dark", reducedMotion = "no-preference" } = {}) {
  const page = await browser.newPage();
  page.faults = [];
  // The tests read pixels back more often than a page does.
  const ours = (message) => message.text().includes("willReadFrequently");
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && !ours(message) && page.faults.push(message.text()));
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("request", (request) => request.url().startsWith(url) || page.faults.push(`asked elsewhere: ${request.url()}`));
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme, reducedMotion });
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector("#tree-title").textContent.includes("epoch"));
  return page;
}

async function close(page) {
  assert.deepEqual(page.faults, []);
  await page.close();
}

const text = (page, selector) => page.locator(selector).textContent();
const json = async (url) => (await fetch(url)).json();

/** Numbers of the legend once they are those of the epoch that the farm works at. */
async function agrees(page, url) {
  const view = await json(`${url}/api/v1/view`);
  const { epoch, levels } = await json(`${url}/api/v1/cells/${view.epochs[0].epoch}`);
  const letters = {};
  for (const [, number, letter] of levels.join("").matchAll(/(\d+)(\D)/g)) letters[letter] = (letters[letter] ?? 0) + Number(number);
  const wanted = ["w", "q", "r", "p", "c", "f"].map((letter) => letters[letter] ?? 0);
  await page.waitForFunction(
    ([epoch, wanted]) =>
      document.querySelector("#tree-title").textContent === `Proof tree of epoch ${epoch}` &&
      [...document.querySelectorAll("#legend b")].every((node, at) => Number(node.textContent.replace(/\D/g, "")) === wanted[at]),
    [epoch, wanted],
  );
  return { epoch, levels, wanted };
}

async function picture(page, name) {
  if (pictures) await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
}

const tests = {
  async "three shards fill in as proofs arrive"() {
    const page = await open(small);
    let { epoch } = await agrees(page, small);
    const published = await text(page, "#proof-none");
    assert.match(published, /No epoch is published/);
    for (let step = 0; step < 4; step++) {
      await advance(0, 700);
      await agrees(page, small);
    }
    for (let step = 0; step < 60 && (await json(`${small}/api/v1/view`)).published_epoch < epoch; step++) await advance(0, 300);
    await page.waitForFunction((epoch) => document.querySelector("#proof-epoch").textContent === String(epoch), epoch);
    const { last_proof: proof } = await json(`${small}/api/v1/view`);
    assert.equal(await text(page, "#proof-hex"), proof.proof);
    assert.equal(proof.proof.length, 256);
    await page.waitForFunction((epoch) => document.querySelector("#announce").textContent.includes(`Epoch ${epoch} is published.`), epoch);
    await picture(page, "3-dark");
    await close(page);
  },

  async "a cell has the colour of its state"() {
    const page = await open(small, { reducedMotion: "reduce" });
    const state = () => page.evaluate(async () => {
      const { centre } = await import("/assets/triangle.js");
      const { Tree } = await import("/assets/tree.js");
      const view = await (await fetch("/api/v1/view")).json();
      const tree = new Tree(await (await fetch(`/api/v1/cells/${view.epochs[0].epoch}`)).json());
      const canvas = document.querySelector("#base");
      // The tree fits the stage as stage.js says; the corner of a cell is free of words.
      const [room, height] = [{ left: -0.06, right: 1.06, top: -0.085, bottom: Math.sqrt(3) / 2 + 0.055 }, canvas.height];
      const scale = Math.min(canvas.width / (room.right - room.left), height / (room.bottom - room.top));
      const [x, y] = centre(1, 0, 1);
      const at = [Math.round((canvas.width - scale) / 2) + x * scale, Math.round((height - scale * (room.top + room.bottom)) / 2) + (y - 0.13) * scale];
      const pixel = [...canvas.getContext("2d").getImageData(Math.round(at[0]), Math.round(at[1]), 1, 1).data];
      return { state: tree.state([0, 1]), pixel };
    });
    const seen = {};
    for (let step = 0; step < 40 && !(seen.proven && seen.proving); step++) {
      await agrees(page, small);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)))));
      const { state: word, pixel } = await state();
      seen[word] = pixel;
      await advance(0, 150);
    }
    assert.ok(seen.proven?.[1] > 120 && seen.proven[3] > 200, `proven is green and dense: ${JSON.stringify(seen)}`);
    assert.notDeepEqual(seen.proven, seen.proving);
    await close(page);
  },

  async "the keyboard reaches everything"() {
    const page = await open(small);
    for (let steps = 0; (await page.evaluate(() => document.activeElement.id)) !== "pilot"; steps++) {
      assert.ok(steps < 12, "the tree is among the first stops");
      await page.keyboard.press("Tab");
    }
    const walk = [["ArrowUp", /^Nest of epoch/], ["ArrowDown", /^Merge 0 of level 0$/], ["ArrowDown", /^Shard 0$/], ["ArrowRight", /^Shard 1$/], ["ArrowRight", /^Shard 2$/], ["ArrowRight", /^Shard 2$/], ["ArrowLeft", /^Shard 1$/], ["ArrowUp", /^Merge 0 of level 0$/], ["Home", /^Nest of epoch/]];
    for (const [key, title] of walk) {
      await page.keyboard.press(key);
      assert.match(await text(page, "#cell-title"), title, key);
    }
    assert.match(await text(page, "#pilot-text"), /^Nest of epoch \d+, (waiting|queued|proving|proven)/);
    for (const key of ["Enter", "+", "-", "0", "Shift+ArrowLeft", "p", "f"]) await page.keyboard.press(key);
    await page.keyboard.press("Escape");
    assert.equal(await text(page, "#cell-title"), "Cell");
    await page.keyboard.press("ArrowUp");
    await page.locator("#cell-children button").first().focus();
    await page.keyboard.press("Enter");
    assert.match(await text(page, "#cell-title"), /^Merge 0/);
    assert.equal(await page.locator("#cell-children button").count(), 3);
    await page.locator("#cell-path button").first().press("Enter");
    assert.match(await text(page, "#cell-title"), /^Nest/);
    await close(page);
  },

  async "a click selects what is under it"() {
    const page = await open(small);
    const box = await page.locator("#pilot").boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.62);
    await page.waitForFunction(() => /^Merge 0/.test(document.querySelector("#hint").textContent));
    await page.mouse.click(box.x + box.width / 2, box.y + box.height * 0.62);
    assert.match(await text(page, "#cell-title"), /^Merge 0 of level 0$/);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height * 0.35);
    assert.match(await text(page, "#cell-title"), /^Shard 1$/);
    await page.mouse.click(box.x + 4, box.y + box.height / 2);
    assert.equal(await text(page, "#cell-title"), "Cell");
    await close(page);
  },

  async "it comes back after the server did"() {
    const page = await open(small);
    const state = (word) => page.waitForFunction((word) => document.querySelector("#connection").dataset.state === word, word);
    await state("live");
    await order("stop 0");
    await state("lost");
    await order("start 0");
    await state("live");
    await advance(0, 900);
    await agrees(page, small);
    await state("stale");
    await advance(0, 50);
    await state("live");
    page.faults = page.faults.filter((fault) => !fault.includes("ERR_CONNECTION_REFUSED") && !fault.includes("ERR_INCOMPLETE_CHUNKED"));
    await close(page);
  },

  async "arithmetic finds each of 29,524 cells, and differences draw what the whole draws"() {
    await advance(1, 15_000);
    const page = await open(large, { reducedMotion: "reduce" });
    const lost = await page.evaluate(async () => {
      const { centre, hit, parent, children, same } = await import("/assets/triangle.js");
      let lost = 0;
      for (const depth of [1, 2, 5, 9]) {
        for (let level = 0; level <= depth + 1; level++) {
          for (let index = 0; index < (level > depth ? 1 : 3 ** (depth - level)); index++) {
            const place = [level, index];
            const family = children(depth, place).every((child) => same(parent(depth, child), place));
            if (!same(hit(depth, ...centre(depth, ...place)), place) || !family) lost++;
          }
        }
      }
      return lost;
    });
    assert.equal(lost, 0);
    const { epoch } = await agrees(page, large);
    const before = await json(`${large}/api/v1/cells/${epoch}`);
    await advance(1, 3000);
    const after = await json(`${large}/api/v1/cells/${epoch}`);
    const differing = await page.evaluate(async ([before, after]) => {
      const { Painter } = await import("/assets/painter.js");
      const { Tree } = await import("/assets/tree.js");
      const make = (cells) => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 900, height: 800 });
        const painter = new Painter(canvas);
        painter.resize(900, 800, 1);
        painter.transform = { scale: 840, x: 30, y: 40 };
        painter.show(new Tree(cells));
        while (painter.paint());
        return painter;
      };
      const [step, whole] = [make(before), make(after)];
      const changes = whole.tree.levels.map((cells, level) => [...cells].map((letter, index) => [level, index, letter]).filter(([, index, letter]) => step.tree.levels[level][index] !== letter)).flat();
      for (const [level, index, letter] of changes) {
        step.tree.levels[level][index] = letter;
        step.touch([level, index]);
      }
      step.tree.holders = whole.tree.holders;
      const tiles = step.dirty.size;
      while (step.paint());
      const pixels = ({ context }) => new Uint32Array(context.getImageData(0, 0, 900, 800).data.buffer);
      const [a, b] = [pixels(step), pixels(whole)];
      return { changed: changes.length, tiles, differing: a.filter((pixel, at) => pixel !== b[at]).length };
    }, [before, after]);
    assert.ok(differing.changed > 100, JSON.stringify(differing));
    assert.ok(differing.tiles < 90, `not everything is drawn anew: ${JSON.stringify(differing)}`);
    assert.equal(differing.differing, 0);
    await close(page);
  },

  async "19,683 shards stay smooth"() {
    const page = await open(large);
    const session = await browser.newCDPSession(page);
    await session.send("Network.enable");
    let bytes = 0;
    session.on("Network.dataReceived", ({ dataLength }) => (bytes += dataLength));
    await agrees(page, large);
    await page.evaluate(() => {
      window.frames_ = [];
      let last = performance.now();
      const frame = (now) => {
        window.frames_.push(now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    const box = await page.locator("#pilot").boundingBox();
    const updates = 6;
    bytes = 0;
    for (let update = 0; update < updates; update++) {
      await advance(1, 500);
      await agrees(page, large);
      await page.mouse.move(box.x + box.width * (0.3 + update / 20), box.y + box.height * 0.7);
      await page.mouse.wheel(0, update < 3 ? -240 : 240);
    }
    const frames = (await page.evaluate(() => window.frames_)).sort((a, b) => a - b);
    const at = (share) => frames[Math.floor(frames.length * share)]?.toFixed(1);
    say(`page at 19,683 shards: ${frames.length} frames, median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(0.999)} ms; ${Math.round(bytes / updates)} bytes per update`);
    assert.ok(bytes / updates < 400_000, "an update is far smaller than the whole farm told anew");
    await page.keyboard.press("Tab");
    await page.focus("#pilot");
    await page.keyboard.press("p");
    assert.match(await text(page, "#cell-state"), /proving/);
    assert.match(await text(page, "#cell-facts"), /gpu-\d+/);
    await page.keyboard.press("Enter");
    await picture(page, "19683-near");
    await page.keyboard.press("0");
    await picture(page, "19683-dark");
    assert.equal(await page.locator("#levels tr").count(), 11);
    assert.equal(await page.locator("#workers tr").count(), 300);
    await page.fill("#filter", "silent");
    await page.waitForFunction(() => document.querySelectorAll("#workers tr").length === 1);
    await close(page);
  },

  async "nobody is shut out"() {
    for (const colorScheme of ["dark", "light"]) {
      const narrow = colorScheme === "dark" ? ["phone", large, 390, 844] : ["200-percent", large, 720, 500];
      for (const [name, url, width, height] of [["3", small, 1440, 1000], ["19683", large, 1440, 1000], narrow]) {
        const page = await open(url, { width, height, colorScheme, reducedMotion: "reduce" });
        await agrees(page, url);
        await page.focus("#pilot");
        await page.keyboard.press("ArrowUp");
        await page.keyboard.press("ArrowDown");
        await picture(page, `${name}-${colorScheme}`);
        const overflow = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${name}: ${overflow} pixels too wide`);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html)}`), [], `${name} ${colorScheme}`);
        await close(page);
      }
    }
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  const begun = performance.now();
  try {
    await test();
    say(`page: ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    say(`page: FAILED ${name}\n${error.stack}`);
  }
}
await browser.close();
fs.rmSync(profile, { recursive: true, force: true });
process.exit(failed ? 1 : 0);

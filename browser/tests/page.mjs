// Drives the page in a headless Chromium; see browser.rs. Arguments: node_modules, Chromium, the build's folder.

import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

import { bytes, claims, network, receipt, refusals } from "./corpus.mjs";
import { equivocating, foreign, honest, lying, serve } from "./sources.mjs";

const [modules, chromiumPath, light] = process.argv.slice(2);
const require = createRequire(path.join(modules, "/"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(path.join(modules, "axe-core/axe.min.js"), "utf8");
const pictures = process.env.TRIFOLD_SCREENSHOTS;
const fingerprint = crypto.createHash("sha256").update(bytes(network.bytes)).digest("hex");
const say = (text) => process.stderr.write(`${text}\n`);

const browser = await chromium.launch({
  executablePath: chromiumPath,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

const state = { epoch: 2 };
const files = path.join(light, "page");
const good = await serve(honest(state), files);
const lagging = await serve(honest({ epoch: 1 }));
const liar = await serve(lying);
const twoFaced = await serve(equivocating);
const other = await serve(foreign);
const gone = await serve({});
await gone.stop();

/** A page in a browser that was never here; `context` is one that was. */
async function open(query = "", { context, colorScheme = "light", width = 1000, height = 900 } = {}) {
  context ??= await browser.newContext({ colorScheme, viewport: { width, height } });
  const page = await context.newPage();
  page.faults = [];
  const expected = (text) => /Failed to load resource|ERR_CONNECTION_REFUSED/.test(text);
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && !expected(message.text()) && page.faults.push(message.text()));
  page.on("pageerror", (error) => page.faults.push(String(error)));
  await page.goto(`${good.url}/light/${query}`);
  await page.waitForFunction(() => document.querySelectorAll("#sources tr").length > 0 && ![...document.querySelectorAll("#sources tr")].some((row) => row.dataset.verdict === "waiting"));
  return page;
}

async function close(page) {
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

const text = (page, selector) => page.locator(selector).textContent();
const verdict = (page) => page.getAttribute("#verdict", "data-verdict");
const source = (page, row) => page.locator(`#sources tr:nth-child(${row}) td:nth-child(3)`).textContent();
const sources = (...list) => `?${list.map(({ url }) => `source=${url}`).join("&")}`;
const says = (page, selector, pattern) => page.waitForFunction(([selector, source]) => new RegExp(source).test(document.querySelector(selector).textContent), [selector, pattern.source]);
/** The next round, without waiting for it to come by itself. */
const round = (page) => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
const stored = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("trifold/light/v1")));

const tests = {
  async "verifies, remembers, and follows new epochs"() {
    state.epoch = 2;
    const page = await open();
    assert.match(await text(page, "#verdict"), /Accepted: epoch 2 descends from genesis/);
    assert.match(await text(page, "#network"), new RegExp(fingerprint));
    assert.match(await text(page, "#limits"), /Canonicality[^]*Freshness[^]*Availability/);
    state.epoch = 5;
    await round(page);
    await says(page, "#verdict", /epoch 5/);
    await says(page, "#facts", /records epoch 2, which was held here before/);
    const { checkpoint } = await stored(page);
    assert.equal(Buffer.from(checkpoint, "base64").length, 217);
    const again = await open("", { context: page.context() });
    assert.match(await text(again, "#verdict"), /epoch 5 .* checkpoint/);
    // The source goes back: what is held stays.
    state.epoch = 2;
    await round(again);
    await says(again, "#sources", /valid, but 3 behind/);
    assert.match(await text(again, "#verdict"), /epoch 5/);
    state.epoch = 5;
    assert.deepEqual(again.faults, []);
    await close(page);
  },

  async "refuses lies and says why"() {
    const page = await open(sources(liar));
    assert.equal(await verdict(page), "refused");
    assert.match(await text(page, "#verdict"), /refused \(pairing\)/);
    assert.equal((await stored(page)).checkpoint, null);
    await close(page);
    const both = await open(sources(liar, good, lagging, gone));
    assert.match(await text(both, "#verdict"), /Accepted: epoch 5/);
    assert.match(await source(both, 1), /refused \(pairing\)/);
    assert.equal(await source(both, 2), "verified");
    assert.match(await source(both, 3), /valid, but 4 behind/);
    assert.equal(await source(both, 4), "no answer");
    await close(both);
  },

  async "raises the alarm at two valid states of an epoch"() {
    const page = await open(sources(good, twoFaced));
    assert.equal(await page.isVisible("#alarm"), true);
    assert.match(await text(page, "#alarm"), /Equivocation/);
    assert.match(await source(page, 2), /equivocation/);
    assert.match(await text(page, "#verdict"), /Accepted: epoch 5/);
    await close(page);
  },

  async "takes no network on the word of one among several"() {
    const page = await open(sources(good, other));
    assert.match(await text(page, "#verdict"), /Refused|No proof/);
    assert.match(await source(page, 1), /different networks/);
    await close(page);
    const named = await open(`${sources(other, good)}&network=${fingerprint}`);
    assert.match(await text(named, "#verdict"), /Accepted: epoch 5/);
    assert.match(await source(named, 1), /other_network/);
    assert.match(await text(named, "#pinned"), /address of this page names/);
    await close(named);
  },

  async "throws away what does not verify in its own storage"() {
    const page = await open();
    await page.evaluate(() => {
      const stored = JSON.parse(localStorage.getItem("trifold/light/v1"));
      const checkpoint = Uint8Array.from(atob(stored.checkpoint), (letter) => letter.charCodeAt(0));
      checkpoint[0] ^= 1;
      localStorage.setItem("trifold/light/v1", JSON.stringify({ ...stored, checkpoint: btoa(String.fromCharCode(...checkpoint)) }));
    });
    const again = await open("", { context: page.context() });
    assert.match(await text(again, "#alarm"), /not used: refused \(pairing\)/);
    assert.match(await text(again, "#verdict"), /Accepted: epoch 5/);
    await again.click("#forget");
    await says(again, "#verdict", /Accepted: epoch 5/);
    await close(page);
  },

  async "looks up shards, by keyboard"() {
    const page = await open(sources(good));
    const look = async (index) => {
      await page.fill("#shard-index", String(index));
      await page.press("#shard-index", "Enter");
    };
    await look(4);
    await says(page, "#shard-answer", /Shard 4 is present in epoch 5\. Verified here/);
    const { supply, lamport } = receipt("a shard").json.shard.leaf;
    assert.match(await text(page, "#shard-answer"), new RegExp(`Supply${supply}Events${lamport}`));
    await look("02");
    await says(page, "#shard-answer", /Shard 2 is verifiably absent/);
    await look(7_000_000);
    await says(page, "#shard-answer", /there is none/);
    await close(page);
    const lied = await open(`${sources(liar)}&network=${fingerprint}`);
    assert.equal(await verdict(lied), "refused");
    await close(lied);
    // A receipt of another shard is none; the next source is asked.
    const mixed = await open(sources(liar, good));
    await mixed.fill("#shard-index", "2");
    await mixed.press("#shard-index", "Enter");
    await says(mixed, "#shard-answer", /Shard 2 is verifiably absent/);
    await close(mixed);
  },

  async "checks receipts and accounts"() {
    const page = await open(sources(good));
    const { json } = receipt("an account");
    const { index, account } = json.account;
    await page.setInputFiles("#receipt-file", { name: "receipt.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(json)) });
    await page.click("#receipt-form button");
    await says(page, "#account-answer", new RegExp(`Account ${index} of shard ${json.shard.index} holds ${account.balance}`));
    await page.setInputFiles("#receipt-file", []);
    await page.fill("#receipt-text", JSON.stringify(receipt("no account").json));
    await page.click("#receipt-form button");
    await says(page, "#account-answer", /verifiably absent/);
    const netted = claims.find(({ kind, name }) => kind === "receipt" && name === "a netted account").json;
    await page.fill("#receipt-text", JSON.stringify(netted));
    await page.click("#receipt-form button");
    await says(page, "#account-answer", new RegExp(`Account 4 of shard ${netted.shard.index} holds ${netted.netted_account.triad[1].balance} in epoch 6`));
    const forged = { ...json, account: { ...json.account, account: { ...account, balance: String(BigInt(account.balance) + 1n) } } };
    await page.fill("#receipt-text", JSON.stringify(forged));
    await page.click("#receipt-form button");
    await says(page, "#account-answer", /^Refused \(wrong_root\)/);
    for (const { name, code, json, text: raw } of refusals.filter(({ kind }) => kind === "receipt").slice(0, 20)) {
      if (json === undefined && raw === undefined) continue;
      await page.fill("#receipt-text", raw ?? JSON.stringify(json));
      await page.click("#receipt-form button");
      await says(page, "#account-answer", new RegExp(`^Refused \\(${code}\\)`)).catch(() => assert.fail(name));
    }
    await page.fill("#account-url", good.url);
    await page.fill("#account-shard", json.shard.index);
    await page.fill("#account-index", index);
    await page.click("#account-form button");
    await says(page, "#account-answer", new RegExp(`holds ${account.balance} in epoch 5`));
    await close(page);
  },

  async "nobody is shut out"() {
    for (const [colorScheme, width, height] of [["light", 1000, 900], ["dark", 390, 844]]) {
      const page = await open(sources(good, liar, twoFaced), { colorScheme, width, height });
      await page.fill("#shard-index", "4");
      await page.press("#shard-index", "Enter");
      await says(page, "#shard-answer", /present/);
      await page.click("summary");
      const overflow = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} pixels too wide`);
      if (pictures) await page.screenshot({ path: path.join(pictures, `light-${colorScheme}.png`), fullPage: true });
      // What axe needs the page's policy forbids, so it comes by the debugger.
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html)}`), []);
      const stops = new Set();
      for (let step = 0; step < 24; step++) {
        await page.keyboard.press("Tab");
        stops.add(await page.evaluate(() => document.activeElement.id || document.activeElement.tagName));
      }
      for (const stop of ["shard-index", "receipt-file", "receipt-text", "account-url", "forget", "SUMMARY"]) assert.ok(stops.has(stop), `${stop} is reached by Tab: ${[...stops]}`);
      await close(page);
    }
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  const begun = performance.now();
  try {
    await test();
    say(`light page: ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    say(`light page: FAILED ${name}\n${error.stack}`);
  }
}
await browser.close();
process.exit(failed ? 1 : 0);

// Everything beside the tree. A node is touched only when its text changes.

import { bytes, clock, count, duration, seconds, short } from "./format.js";
import { STATES } from "./tree.js";

const get = (id) => document.getElementById(id);
const SHOWN_WORKERS = 300;
const SPARK_POINTS = 180;

export function set(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

/** The sign of a state. */
export function glyph(state) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#s-${state}`);
  svg.setAttribute("viewBox", "0 0 16 14");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Rows of a table by key: kept, moved, made and removed, never rebuilt. */
function rows(body, items, key, fill) {
  body.rowsByKey ??= new Map();
  const seen = new Set();
  items.forEach((item, at) => {
    const name = key(item);
    seen.add(name);
    let row = body.rowsByKey.get(name);
    if (!row) body.rowsByKey.set(name, (row = document.createElement("tr")));
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
    fill(row, item);
  });
  for (const [name, row] of body.rowsByKey) {
    if (seen.has(name)) continue;
    row.remove();
    body.rowsByKey.delete(name);
  }
}

function cells(row, specs) {
  while (row.children.length < specs.length) {
    const [, kind] = specs[row.children.length];
    const cell = document.createElement(kind === "head" ? "th" : "td");
    if (kind === "head") cell.scope = "row";
    if (kind === "number") cell.className = "number";
    if (kind === "mono") cell.className = "mono";
    row.append(cell);
  }
  specs.forEach(([value], at) => (value instanceof Function ? value(row.children[at]) : set(row.children[at], value)));
}

export class Panels {
  constructor() {
    this.pace = [];
    get("filter").addEventListener("input", () => this.farm && this.workers(this.farm));
    get("copy").addEventListener("click", () => this.copy());
    get("legend").replaceChildren(...STATES.map((state) => {
      const item = document.createElement("li");
      item.className = `is-${state}`;
      item.append(glyph(state), `${state === "carried" ? "carried forward" : state} `, document.createElement("b"));
      return item;
    }));
  }

  farmChanged(farm, shown) {
    this.farm = farm;
    const { view } = farm;
    set(get("genesis"), short(view.genesis));
    set(get("shards"), count(view.shards));
    set(get("leader"), view.leader ? `${view.leader}, term ${view.fence}` : "none");
    this.epoch(farm, shown);
    this.throughput(view);
    this.proof(view);
    this.workers(farm);
    this.quarantine(view);
    this.recent(view);
  }

  epoch(farm, shown) {
    const epoch = farm.epoch(shown);
    const published = farm.published(shown);
    set(get("epoch-title"), shown === undefined ? "Epoch" : `Epoch ${shown}`);
    set(get("epoch-stage"), published ? "published" : epoch?.stage ?? "–");
    const done = published ? 1 : epoch?.total ? epoch.done / epoch.total : 0;
    get("progress").value = done;
    set(get("progress-text"), epoch && !published ? `${count(epoch.done)} / ${count(epoch.total)}` : published ? "100 %" : "–");
    set(get("eta"), epoch?.eta_seconds != null ? `~ ${duration(epoch.eta_seconds * 1000)}` : published ? "done" : "–");
    set(get("age"), epoch ? duration(Math.floor(epoch.age_ms / 1000) * 1000) : published ? duration(published.latency_ms) : "–");
    const source = epoch ?? published;
    set(get("members"), source ? count(source.members) : "–");
    set(get("silent"), source ? count(source.silent) : "–");
    set(get("transfers"), source ? count(source.transfers) : "–");
  }

  throughput(view) {
    set(get("pace"), count(view.proved_per_minute));
    set(get("proved"), count(view.proved_tasks));
    set(get("ready"), count(view.ready_tasks));
    set(get("queued"), count(view.queued_tasks));
    set(get("refused"), count(view.refused_results));
    set(get("waiting"), count(view.waiting_snapshots));
    set(get("waiting-bytes"), bytes(view.waiting_bytes));
    this.pace = [...this.pace, view.proved_per_minute].slice(-SPARK_POINTS);
    const most = Math.max(1, ...this.pace);
    const heights = this.pace.map((value) => 45 - (value / most) * 41);
    const points = [heights[0], ...heights].map((height, at) => `${(at / heights.length) * 240} ${height}`).join("L");
    get("spark-line").setAttribute("d", `M${points}`);
    get("spark-area").setAttribute("d", `M0 48L${points}L240 48Z`);
  }

  proof({ last_proof: proof }) {
    get("proof-none").hidden = Boolean(proof);
    get("proof-body").hidden = get("copy").disabled = !proof;
    if (!proof) return;
    set(get("proof-epoch"), proof.state.epoch);
    set(get("proof-transfers"), count(proof.transfers));
    set(get("proof-root"), proof.state.root);
    set(get("proof-hex"), proof.proof);
  }

  async copy() {
    const text = get("proof-hex").textContent;
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    if (!done) getSelection().selectAllChildren(get("proof-hex"));
    set(get("copy"), done ? "Copied" : "Selected");
    setTimeout(() => set(get("copy"), "Copy"), 2000);
  }

  workers(farm) {
    const wanted = get("filter").value.trim().toLowerCase();
    const all = [...farm.workers.values()].map((worker) => ({ worker, state: workerState(worker) }));
    const shown = all.filter(({ worker, state }) => !wanted || `${worker.presence.name} ${worker.presence.host} ${worker.presence.backend} ${state.word}`.toLowerCase().includes(wanted));
    shown.sort((a, b) => b.state.rank - a.state.rank || a.worker.presence.name.localeCompare(b.worker.presence.name, "en", { numeric: true }));
    const busy = all.filter(({ worker }) => worker.presence.held.length).length;
    set(get("workers-note"), `${count(all.length)} known, ${count(busy)} busy, ${count(all.filter(({ worker }) => !worker.alive).length)} silent`);
    rows(get("workers"), shown.slice(0, SHOWN_WORKERS), ({ worker }) => worker.presence.name, workerRow);
    get("workers-more").hidden = shown.length <= SHOWN_WORKERS;
    set(get("workers-more"), `${count(shown.length - SHOWN_WORKERS)} more: filter by name, host, backend or state.`);
  }

  quarantine(view) {
    get("quarantine").hidden = !view.quarantined.length;
    set(get("quarantine-note"), `${count(view.quarantined_tasks)}; see trifold dlq list`);
    const text = JSON.stringify(view.quarantined);
    if (get("quarantined").dataset.text === text) return;
    get("quarantined").dataset.text = text;
    get("quarantined").replaceChildren(...view.quarantined.map(quarantined));
  }

  recent(view) {
    get("recent-none").hidden = view.recent.length > 0;
    rows(get("recent"), view.recent, ({ epoch }) => epoch, (row, epoch) => cells(row, [
      [epoch.epoch, "number"], [clock(epoch.published_unix_ms)], [duration(epoch.latency_ms), "number"],
      [count(epoch.members), "number"], [count(epoch.transfers), "number"], [seconds(epoch.cpu_seconds), "number"],
      [seconds(epoch.gpu_seconds), "number"], [bytes(epoch.input_bytes), "number"], [short(epoch.root), "mono"],
    ]));
  }

  /** The tree as numbers: the legend and the table of its levels. */
  tree(tree) {
    const counts = tree.counts();
    STATES.forEach((state, at) => set(get("legend").children[at].lastChild, count(counts.reduce((sum, level) => sum + level[state], 0))));
    const order = counts.map((level, at) => ({ level, at })).reverse();
    rows(get("levels"), order, ({ at }) => at, (row, { level, at }) => cells(row, [
      [at === 0 ? "Programs" : at > tree.depth ? "Nest" : `Merge level ${at - 1}`, "head"],
      [(cell) => stack(cell, level)],
      ...STATES.map((state) => [(cell) => {
        set(cell, count(level[state]));
        cell.className = level[state] ? "number" : "number zero";
      }]),
    ]));
  }
}

function workerState({ presence, alive, cordoned, strikes }) {
  if (!alive) return { word: "silent", rank: 4, glyph: "failed" };
  if (cordoned || presence.state === "cordoned") return { word: strikes ? `cordoned, ${strikes} ${strikes === 1 ? "strike" : "strikes"}` : "cordoned", rank: 3, glyph: "carried" };
  if (presence.state === "draining") return { word: "draining", rank: 2, glyph: "carried" };
  if (presence.state === "starting") return { word: "starting", rank: 1, glyph: "waiting" };
  return presence.held.length ? { word: "proving", rank: 0, glyph: "proving" } : { word: "ready", rank: 0, glyph: "queued" };
}

function workerRow(row, { worker, state }) {
  const { presence } = worker;
  const since = worker.silent_ms + performance.now() - worker.told;
  const stages = ["proving", "witness", "waiting", "reporting"].map((stage) => [stage, presence.held.filter((task) => task.stage === stage).length]);
  const doing = stages.filter(([, number]) => number).map(([stage, number]) => (number > 1 ? `${stage} ${number}` : stage));
  const longest = Math.max(0, ...presence.held.map((task) => task.seconds)) * 1000 + since;
  cells(row, [
    [presence.name, "head"],
    [(cell) => sign(cell, state)],
    [worker.alive ? doing.join(", ") || "nothing" : "not heard of"],
    [!worker.alive ? duration(since) : presence.held.length ? duration(longest) : "", "number"],
    [count(presence.proved_tasks), "number"],
    [count(presence.failed_tasks), "number"],
    [[presence.card ?? presence.backend, presence.host].join(" · ")],
    [duration(Math.max(0, Date.now() - presence.started_unix_ms)), "number"],
  ]);
}

function sign(cell, { word, glyph: state }) {
  if (cell.dataset.word === word) return;
  cell.dataset.word = word;
  const span = document.createElement("span");
  span.className = `state is-${state}`;
  span.append(glyph(state), word);
  cell.replaceChildren(span);
}

const STACKED = ["proven", "carried", "proving", "queued", "failed"];

function stack(cell, level) {
  if (!cell.firstChild) {
    const bar = document.createElement("div");
    bar.className = "stack";
    bar.setAttribute("aria-hidden", "true");
    bar.append(...STACKED.map((state) => Object.assign(document.createElement("i"), { className: `b-${state}` })));
    const words = Object.assign(document.createElement("span"), { className: "hidden" });
    cell.append(bar, words);
  }
  const total = STATES.reduce((sum, state) => sum + level[state], 0) || 1;
  STACKED.forEach((state, at) => (cell.firstChild.children[at].style.width = `${(level[state] / total) * 100}%`));
  set(cell.lastChild, `${count(level.proven + level.carried)} of ${count(total)}`);
}

function quarantined({ what, reason, reporters, task, bundle }) {
  const item = document.createElement("li");
  const lines = [["strong", what], ["", reason], ["muted", `reported by ${reporters.join(", ") || "nobody"}`], ["muted mono", `task ${short(task)}${bundle ? `, bundle ${short(bundle)}` : ""}`]];
  item.append(...lines.map(([className, textContent]) => Object.assign(document.createElement("p"), { className, textContent })));
  return item;
}

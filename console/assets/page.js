// The live page: events in, tree and panels out.

import { Announcer } from "./announcer.js";
import { details } from "./details.js";
import { Farm } from "./farm.js";
import { Feed } from "./feed.js";
import { count, duration } from "./format.js";
import { Panels, set } from "./panels.js";
import { Stage } from "./stage.js";
import { Tree } from "./tree.js";

/** Age of the coordinator's picture from which on it counts as stale. */
const STALE_MS = 6000;

const get = (id) => document.getElementById(id);
const panels = new Panels();
const announcer = new Announcer(get("announce"));
let farm = null;
let tree = null;
let link = "connecting";

const stage = new Stage(
  { stage: get("stage"), base: get("base"), overlay: get("overlay"), pilot: get("pilot"), hint: get("hint") },
  (place, changed) => selected(place, changed),
);

const feed = new Feed({
  state: (state) => {
    link = state;
    connection();
  },
  view: (view) => {
    farm = new Farm(view);
    farmChanged();
  },
  patch: (patch) => {
    farm.patch(patch);
    farmChanged();
  },
  cells: (cells) => {
    tree = new Tree(cells);
    stage.show(tree);
    treeChanged();
  },
  delta: (delta) => {
    stage.change(tree.patch(delta));
    treeChanged();
  },
});

function farmChanged() {
  panels.farmChanged(farm, tree?.epoch ?? farm.view.epochs[0]?.epoch);
  announcer.view(farm.view);
  epochs();
  lead();
  connection();
}

function treeChanged() {
  panels.tree(tree);
  if (stage.selected) details(stage.selected, tree, farm, (place) => stage.select(place));
  if (!farm) return;
  panels.epoch(farm, tree.epoch);
  epochs();
  lead();
}

function selected(place, changed) {
  if (!tree) return;
  details(place, tree, farm, (to) => stage.select(to));
  const words = place ? [tree.name(place), tree.state(place), tree.holder(place)].filter(Boolean).join(", ") : "";
  if (!changed || document.activeElement === get("pilot")) set(get("pilot-text"), words);
}

function lead() {
  const epoch = farm.epoch(tree?.epoch);
  if (!tree) return set(get("tree-lead"), farm.view.epochs.length ? `The coordinator that leads, ${farm.view.leader}, shows the tree` : farm.view.idle ?? "Waiting for the first epoch");
  const cells = `${count(farm.view.shards)} shards, ${tree.depth} ${tree.depth === 1 ? "level" : "levels"} of merges`;
  const stageWord = farm.published(tree.epoch) ? "published" : epoch?.stage ?? "not in work";
  set(get("tree-title"), `Proof tree of epoch ${tree.epoch}`);
  set(get("tree-lead"), `${cells}; ${stageWord}`);
  get("pilot").setAttribute("aria-label", `Proof tree of epoch ${tree.epoch}, ${cells}`);
  stage.connect({ before: before(tree.epoch - 1), after: after(tree.epoch + 1) });
}

function before(epoch) {
  const [title, done] = [epoch ? `epoch ${epoch}` : "genesis", epoch <= farm.view.published_epoch];
  return { title, note: epoch ? (done ? "published" : "in work") : "no proof", share: done ? 1 : 0, state: done ? "proven" : "waiting" };
}

function after(number) {
  const epoch = farm.epoch(number);
  const done = number <= farm.view.published_epoch;
  const share = done ? 1 : epoch?.total ? epoch.done / epoch.total : 0;
  return { title: `epoch ${number}`, note: done ? "published" : epoch?.stage ?? "to come", share, state: done ? "proven" : "waiting" };
}

/** Buttons for what can be shown: the farm's current epoch, or one that stays. */
function epochs() {
  const choices = [[null, "Follow"], ...farm.view.epochs.map(({ epoch, stage: word }) => [epoch, `${epoch} ${word}`])];
  if (feed.epoch !== null && !farm.epoch(feed.epoch)) choices.push([feed.epoch, `${feed.epoch}`]);
  const text = JSON.stringify([choices, feed.epoch]);
  const node = get("epochs");
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  const focused = [...node.children].indexOf(document.activeElement);
  node.replaceChildren(...choices.map(([epoch, label]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.setAttribute("aria-pressed", String(feed.epoch === epoch));
    button.addEventListener("click", () => {
      feed.show(epoch);
      epochs();
    });
    return button;
  }));
  if (focused >= 0) (node.children[focused] ?? node.firstChild).focus();
}

function connection() {
  const age = farm?.age() ?? 0;
  const stale = link === "live" && age > STALE_MS;
  const state = stale ? "stale" : link;
  const words = { live: "Live", connecting: "Connecting", stale: `Stale: nothing new for ${duration(age)}`, lost: farm ? `Connection lost, shown as of ${duration(age)} ago` : "No connection, trying again" };
  if (get("connection").dataset.state !== state) {
    if (state === "lost") announcer.say("link", "The connection to the farm is lost.");
    if (state === "live" && get("connection").dataset.state === "lost") announcer.say("link", "The connection is back.");
    get("connection").dataset.state = state;
  }
  set(get("connection-text"), words[state]);
  const why = farm && (!farm.view.running ? "The coordinator is not running." : farm.view.idle ? `Idle: ${farm.view.idle}.` : "");
  get("notice").hidden = !why;
  set(get("notice"), why || "");
}

setInterval(connection, 1000);
setInterval(() => farm && panels.workers(farm), 1000);
get("zoom-in").addEventListener("click", () => stage.zoom(1.6));
get("zoom-out").addEventListener("click", () => stage.zoom(1 / 1.6));
get("zoom-fit").addEventListener("click", () => stage.fit());

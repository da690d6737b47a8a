// The selected cell: what it is, who holds it, and the way through the tree by ordinary buttons.

import { duration } from "./format.js";
import { glyph, set } from "./panels.js";
import { children, parent } from "./triangle.js";

const get = (id) => document.getElementById(id);

export function details(place, tree, farm, select) {
  get("cell-body").hidden = get("cell-state").hidden = !place;
  get("cell-lead").hidden = Boolean(place);
  set(get("cell-title"), place ? tree.name(place) : "Cell");
  if (!place) return;
  const state = tree.state(place);
  get("cell-state").className = `state is-${state}`;
  get("cell-state").replaceChildren(glyph(state), state);
  facts(place, tree, farm);
  const above = [];
  for (let up = parent(tree.depth, place); up; up = parent(tree.depth, up)) above.push(up);
  chips(get("cell-path"), above, tree, select);
  const below = children(tree.depth, place).filter((child) => tree.state(child));
  get("down").hidden = !below.length;
  chips(get("cell-children"), below, tree, select);
}

function facts(place, tree, farm) {
  const holder = tree.holder(place);
  const held = holder && farm?.workers.get(holder)?.presence.held;
  const rows = [["Holder", holder ?? "nobody"]];
  if (held?.length) rows.push(["It holds", `${held.length} ${held.length === 1 ? "task" : "tasks"}`], ["Longest", duration(Math.max(...held.map(({ seconds }) => seconds)) * 1000)]);
  const [level, index] = place;
  if (level > 0 && level <= tree.depth) rows.push(["Shards", range(level, index)]);
  const text = JSON.stringify(rows);
  if (get("cell-facts").dataset.text === text) return;
  get("cell-facts").dataset.text = text;
  get("cell-facts").replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("div");
    const [term, data] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, data.textContent] = [name, value];
    row.append(term, data);
    return row;
  }));
}

const range = (level, index) => `${index * 3 ** level} – ${(index + 1) * 3 ** level - 1}`;

function chips(node, places, tree, select) {
  const text = JSON.stringify(places.map((place) => [place, tree.state(place)]));
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  const focused = node.contains(document.activeElement) ? [...node.children].indexOf(document.activeElement) : -1;
  node.replaceChildren(...places.map((place) => chip(place, tree, select)));
  if (focused >= 0) (node.children[focused] ?? document.getElementById("pilot")).focus();
}

function chip(place, tree, select) {
  const button = document.createElement("button");
  button.type = "button";
  const state = tree.state(place);
  const mark = glyph(state);
  mark.setAttribute("class", `is-${state}`);
  const [level, index] = place;
  const short = level === 0 ? `Shard ${index}` : level > tree.depth ? "Nest" : `Merge ${level - 1}.${index}`;
  button.append(mark, short);
  button.setAttribute("aria-label", `${short}, ${state}`);
  button.addEventListener("click", () => select(place));
  return button;
}

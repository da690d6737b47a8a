// The tree as something to look at and to walk through: zoom, pan, selection, and what moves on top of the cells.

import { Painter, triangle } from "./painter.js";
import { FRAME_GAP, FRAME_WIDTH, HEIGHT, centre, children, corners, hit, parent, same } from "./triangle.js";

const ROOM = { left: -0.06, right: 1.06, top: -0.085, bottom: HEIGHT + 0.055 };
/** Side of a shard's cell at the closest zoom, in CSS pixels. */
const CLOSEST = 260;
/** The small triangles of the epochs before and after. */
const MINI = { x: -0.03, base: 0.2, side: 0.13, link: 0.145 };
/** Where the frame's sides are at the height of the links. */
const SLANT = 0.5 - (MINI.link + 2 * (FRAME_GAP + FRAME_WIDTH)) / (2 * HEIGHT);
const FRAME_SIDE = { left: SLANT - 0.006, right: 1.006 - SLANT };
const FLASH_MS = 900;
const MAX_FLASHES = 600;
const MAX_PINS = 200;

export class Stage {
  constructor({ stage, base, overlay, pilot, hint }, onSelect) {
    Object.assign(this, { stage, overlay, pilot, hint, onSelect });
    this.painter = new Painter(base);
    this.context = overlay.getContext("2d");
    this.flashes = [];
    this.pins = [];
    this.selected = null;
    this.hovered = null;
    this.pointers = new Map();
    this.fitted = true;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    new ResizeObserver(() => this.resize()).observe(stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.theme());
    this.listen();
    this.resize();
  }

  /** Says which epochs come before and after. */
  connect(chain) {
    if (JSON.stringify(chain) === JSON.stringify(this.chain)) return;
    this.chain = chain;
    this.draw();
  }

  theme() {
    this.painter.theme();
    this.draw();
  }

  show(tree) {
    const deeper = this.tree?.depth !== tree.depth;
    this.tree = tree;
    this.flashes = [];
    this.pinFailures();
    this.painter.show(tree);
    if (deeper) {
      this.select(null);
      this.fit();
    } else this.onSelect(this.selected, false);
    this.draw();
  }

  /** Takes over which cells changed. */
  change(changed) {
    const now = performance.now();
    for (const [level, index] of changed) this.painter.touch([level, index]);
    if (!this.calm.matches) {
      const proven = changed.filter((place) => this.tree.state(place) === "proven");
      for (const [level, index] of proven.slice(0, MAX_FLASHES - this.flashes.length)) this.flashes.push({ level, index, since: now });
    }
    this.pinFailures();
    if (this.selected && changed.some((place) => same(place, this.selected))) this.onSelect(this.selected, true);
    this.draw();
  }

  pinFailures() {
    this.pins = [];
    for (let at = null; this.pins.length < MAX_PINS; ) {
      const next = this.tree.next("failed", at);
      if (!next || this.pins.some((pin) => same(pin, next))) break;
      this.pins.push((at = next));
    }
  }

  /** Asks for a frame. */
  draw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      const more = this.painter.paint();
      const moving = this.drawOverlay();
      if (more || moving) this.draw();
    });
  }

  resize() {
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    const { clientWidth, clientHeight } = this.stage;
    [this.width, this.height] = [Math.round(clientWidth * this.ratio), Math.round(clientHeight * this.ratio)];
    [this.overlay.width, this.overlay.height] = [this.width, this.height];
    this.painter.resize(this.width, this.height, this.ratio);
    if (this.fitted) this.fit();
    else this.move(this.painter.transform);
  }

  fit() {
    const { left, right, top, bottom } = ROOM;
    const scale = Math.min(this.width / (right - left), this.height / (bottom - top));
    const x = (this.width - scale * (left + right)) / 2;
    const y = (this.height - scale * (top + bottom)) / 2;
    this.least = scale;
    this.move({ scale, x, y });
    this.fitted = true;
  }

  move({ scale, x, y }) {
    // Half of the tree's middle stays in sight.
    const keep = (at, size, room) => Math.min(Math.max(at, room / 2 - size), room / 2);
    this.painter.move({ scale, x: Math.round(keep(x, scale, this.width)), y: Math.round(keep(y, scale * HEIGHT, this.height)) });
    this.fitted = false;
    this.draw();
  }

  zoom(factor, at = [this.width / 2, this.height / 2]) {
    const { scale, x, y } = this.painter.transform;
    const most = CLOSEST * this.ratio * 2 ** (this.tree?.depth ?? 1);
    const next = Math.min(Math.max(scale * factor, this.least * 0.8), Math.max(most, this.least));
    const ratio = next / scale;
    this.move({ scale: next, x: at[0] - (at[0] - x) * ratio, y: at[1] - (at[1] - y) * ratio });
  }

  pan(dx, dy) {
    const { scale, x, y } = this.painter.transform;
    this.move({ scale, x: x + dx, y: y + dy });
  }

  /** Brings a cell near: its parent's triangle fills the stage. */
  approach(place) {
    if (place[0] > this.tree.depth) return this.fit();
    const [a, b] = corners(this.tree.depth, ...place);
    const side = b[0] - a[0];
    const scale = Math.max(this.least, Math.min((Math.min(this.width, this.height) * 0.42) / side, CLOSEST * this.ratio * 2 ** this.tree.depth));
    const [x, y] = centre(this.tree.depth, ...place);
    this.move({ scale, x: this.width / 2 - x * scale, y: this.height / 2 - y * scale });
  }

  /** Moves a selected cell into sight. */
  reveal(place) {
    const [x, y] = this.onStage(centre(this.tree.depth, ...place));
    const edge = 30 * this.ratio;
    const off = (at, size) => (at < edge ? edge - at : at > size - edge ? size - edge - at : 0);
    const [dx, dy] = [off(x, this.width), off(y, this.height)];
    if ((dx || dy) && place[0] <= this.tree.depth) this.pan(dx, dy);
  }

  onStage([x, y]) {
    const { scale, x: left, y: top } = this.painter.transform;
    return [x * scale + left, y * scale + top];
  }

  placeAt(event) {
    if (!this.tree) return null;
    const box = this.stage.getBoundingClientRect();
    const { scale, x, y } = this.painter.transform;
    const place = hit(this.tree.depth, ((event.clientX - box.left) * this.ratio - x) / scale, ((event.clientY - box.top) * this.ratio - y) / scale);
    return place && this.tree.state(place) ? place : null;
  }

  select(place) {
    this.selected = place;
    if (place) this.reveal(place);
    this.onSelect(place, false);
    this.draw();
  }

  hover(place, event) {
    if (place) this.hint.textContent = [this.tree.name(place), this.tree.state(place), this.tree.holder(place)].filter(Boolean).join(" · ");
    this.hint.hidden = !place;
    if (place) {
      const box = this.stage.getBoundingClientRect();
      this.hint.style.left = `${Math.min(Math.max(event.clientX - box.left, 110), box.width - 110)}px`;
      this.hint.style.top = `${Math.max(event.clientY - box.top, 46)}px`;
    }
    if (!same(place, this.hovered)) this.draw();
    this.hovered = place;
  }

  listen() {
    const { pilot } = this;
    pilot.addEventListener("pointerdown", (event) => this.press(event));
    pilot.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) pilot.addEventListener(end, (event) => this.let(event));
    pilot.addEventListener("pointerleave", () => this.hover(null));
    pilot.addEventListener("dblclick", (event) => this.zoom(2.2, this.at(event)));
    pilot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    pilot.addEventListener("keydown", (event) => this.key(event));
  }

  at(event) {
    const box = this.stage.getBoundingClientRect();
    return [(event.clientX - box.left) * this.ratio, (event.clientY - box.top) * this.ratio];
  }

  press(event) {
    this.pilot.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    this.travelled = this.pointers.size > 1 ? Infinity : 0;
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.hover(this.placeAt(event), event);
    const now = this.at(event);
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    this.pointers.set(event.pointerId, now);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    this.travelled += Math.hypot(dx, dy) / this.ratio;
    if (this.travelled < 4) return;
    this.pilot.classList.add("dragging");
    this.hover(null);
    if (!others.length) return this.pan(dx, dy);
    const [other] = others;
    const length = (at) => Math.max(1, Math.hypot(at[0] - other[0], at[1] - other[1]));
    this.zoom(length(now) / length(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    this.pan(dx / 2, dy / 2);
  }

  let(event) {
    this.pointers.delete(event.pointerId);
    this.pilot.classList.remove("dragging");
    if (event.type === "pointerup" && this.travelled < 4) this.select(this.placeAt(event));
  }

  wheel(event) {
    event.preventDefault();
    const pixels = event.deltaMode === 1 ? event.deltaY * 18 : event.deltaY;
    this.zoom(2 ** (-Math.min(Math.max(pixels, -160), 160) / 240), this.at(event));
  }

  key(event) {
    if (!this.tree || event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = event.shiftKey && name.startsWith("Arrow") ? PANS[name] : KEYS[name];
    if (!action) return;
    event.preventDefault();
    action(this);
  }

  /** Selects what `of` finds from the selected cell; the first step of a walk is the nest. */
  walk(of) {
    const to = this.selected ? of(this.selected) : [this.tree.depth + 1, 0];
    if (to && this.tree.state(to)) this.select(to);
  }

  along(step) {
    this.walk(([level, index]) => {
      let to = index + step;
      while (to >= 0 && to < this.tree.levels[level].length && !this.tree.state([level, to])) to += step;
      return [level, to];
    });
  }

  find(state) {
    const place = this.tree.next(state, this.selected) ?? null;
    if (place) this.select(place);
  }

  drawOverlay() {
    const { context } = this;
    context.clearRect(0, 0, this.width, this.height);
    if (!this.tree) return false;
    const moving = this.drawFlashes();
    this.drawChain();
    this.drawPins();
    if (this.hovered) this.outline(this.hovered, 1.6);
    if (this.selected) this.outline(this.selected, 3);
    return moving;
  }

  drawFlashes() {
    const now = performance.now();
    this.flashes = this.flashes.filter(({ since }) => now - since < FLASH_MS);
    this.context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--glow");
    for (const { level, index, since } of this.flashes) {
      this.context.globalAlpha = 0.75 * (1 - (now - since) / FLASH_MS) ** 2;
      this.context.fill(this.path([level, index], 0));
    }
    this.context.globalAlpha = 1;
    return this.flashes.length > 0;
  }

  /** The epochs before and after, which the nest connects. */
  drawChain() {
    const { before, after } = this.chain ?? {};
    if (before) this.drawLink(before, 0, [MINI.x + MINI.side * 0.85, FRAME_SIDE.left]);
    if (after) this.drawLink(after, 1 - 2 * MINI.x - MINI.side, [FRAME_SIDE.right, 1 - MINI.x - MINI.side * 0.85]);
  }

  drawLink({ title, note, share, state }, shift, ends) {
    const { context, painter, ratio } = this;
    const { scale } = painter.transform;
    const at = ([x, y]) => this.onStage([x, y]);
    const [[from, y], [to]] = [at([ends[0], MINI.link]), at([ends[1], MINI.link])];
    context.strokeStyle = painter.colours[state];
    context.lineWidth = 1.6 * ratio;
    context.setLineDash(share < 1 ? [3 * ratio, 5 * ratio] : []);
    context.beginPath();
    context.moveTo(from, y);
    context.lineTo(to - 5 * ratio, y);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = painter.colours[state];
    context.beginPath();
    context.moveTo(to, y);
    context.lineTo(to - 8 * ratio, y - 4.5 * ratio);
    context.lineTo(to - 8 * ratio, y + 4.5 * ratio);
    context.fill();
    const [x, base] = at([MINI.x + shift, MINI.base]);
    this.drawMini(x, base, MINI.side * scale, share);
    const size = Math.min(Math.max(MINI.side * scale * 0.135, 11 * ratio), 15 * ratio);
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const [n, line] of [title, note].entries()) {
      context.font = `${n ? 450 : 600} ${size}px ${painter.font}`;
      context.fillStyle = n ? painter.colours.soft : painter.colours.label;
      context.fillText(line, x + (MINI.side * scale) / 2, base + (0.5 + n * 1.35) * size);
    }
  }

  /** A small triangle of nine cells of which a share is filled. */
  drawMini(x, base, side, share) {
    const { context, painter } = this;
    const cell = side / 4;
    for (let index = 0; index < 9; index++) {
      const [big, small] = [Math.floor(index / 3), index % 3];
      const offset = (child, length) => [[0, length / 2, length][child], child === 1 ? length * HEIGHT : 0];
      const [[bigX, bigY], [smallX, smallY]] = [offset(big, side / 2), offset(small, cell)];
      const path = new Path2D();
      triangle(path, x + bigX + smallX, base - bigY - smallY, cell, cell * 0.06, true);
      context.fillStyle = painter.colours[index < Math.floor(share * 9 + 0.001) ? "proven" : "waiting"];
      context.fill(path);
    }
  }

  /** Failures are found at any zoom. */
  drawPins() {
    this.context.strokeStyle = this.painter.colours.failed;
    this.context.lineWidth = 2 * this.ratio;
    for (const pin of this.pins) {
      const [x, y] = this.onStage(centre(this.tree.depth, ...pin));
      this.context.beginPath();
      this.context.arc(x, y, 9 * this.ratio, 0, 7);
      this.context.stroke();
    }
  }

  outline(place, width) {
    const { context } = this;
    const path = this.path(place, -1.5 * this.ratio);
    context.lineJoin = "round";
    for (const [colour, extra] of [[this.painter.colours.surface, 2.4], [this.painter.colours.text, 0]]) {
      context.strokeStyle = colour;
      context.lineWidth = (width + extra) * this.ratio;
      context.stroke(path);
    }
  }

  path(place, gap) {
    const path = new Path2D();
    const [a, b, c] = corners(this.tree.depth, ...place);
    const [x, y] = this.onStage(a);
    triangle(path, x, y, (b[0] - a[0]) * this.painter.transform.scale, gap, c[1] < a[1]);
    return path;
  }
}

const KEYS = {
  ArrowUp: (stage) => stage.walk((place) => parent(stage.tree.depth, place)),
  ArrowDown: (stage) => stage.walk((place) => children(stage.tree.depth, place)[0]),
  ArrowLeft: (stage) => stage.along(-1),
  ArrowRight: (stage) => stage.along(1),
  Home: (stage) => stage.select([stage.tree.depth + 1, 0]),
  Enter: (stage) => stage.selected && stage.approach(stage.selected),
  Escape: (stage) => stage.select(null),
  f: (stage) => stage.find("failed"),
  p: (stage) => stage.find("proving"),
  "+": (stage) => stage.zoom(1.5),
  "=": (stage) => stage.zoom(1.5),
  "-": (stage) => stage.zoom(1 / 1.5),
  0: (stage) => stage.fit(),
};

const PANS = {
  ArrowUp: (stage) => stage.pan(0, 60),
  ArrowDown: (stage) => stage.pan(0, -60),
  ArrowLeft: (stage) => stage.pan(60, 0),
  ArrowRight: (stage) => stage.pan(-60, 0),
};

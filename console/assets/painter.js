// Draws the tree on a canvas. The canvas is made of tiles; a tile that changed is drawn anew as a whole, clipped to whole
// pixels, so that what is drawn bit by bit equals what is drawn at once. A frame draws tiles for a few milliseconds and
// leaves the rest to the next. They are drawn out of sight and shown together: zooming shows the old picture scaled until
// then.

import { FRAME_GAP, FRAME_WIDTH, HEIGHT, corners } from "./triangle.js";
import { LETTERS, STATES } from "./tree.js";

const TILE = 96;
const BUDGET_MS = 7;
/** Time after which a picture is shown although it is not complete. */
const PRESENT_MS = 250;
/** Sides in CSS pixels: below the first a subtree is drawn as one cell; from the second on a cell has its pattern,
 * from the third on an outline, from the fourth on a number, from the last on words. */
const GRAIN = 0.6;
const PATTERNED = 9;
const OUTLINED = 22;
const NUMBERED = 42;
const LABELLED = 96;
const ROOT3 = Math.sqrt(3);

export class Painter {
  constructor(canvas) {
    this.front = canvas.getContext("2d");
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    this.presented = 0;
    this.dirty = new Set();
    this.transform = { scale: 1, x: 0, y: 0 };
    this.tree = null;
    this.ratio = 1;
    this.theme();
  }

  /** Reads the colours of the theme. */
  theme() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    this.colours = Object.fromEntries([...STATES, "surface", "label", "on-proven", "soft", "line", "text"].map((name) => [name, colour(name)]));
    this.font = colour("sans");
    this.patterns = { proving: this.pattern("proving", diagonal), carried: this.pattern("carried", horizontal), queued: this.pattern("queued", dots) };
    this.all();
  }

  pattern(state, draw) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const context = tile.getContext("2d");
    context.fillStyle = this.colours[state];
    context.strokeStyle = this.colours[state];
    draw(context);
    return this.context.createPattern(tile, "repeat");
  }

  resize(width, height, ratio) {
    this.ratio = ratio;
    for (const canvas of [this.canvas, this.front.canvas]) {
      canvas.width = width;
      canvas.height = height;
    }
    this.all();
  }

  show(tree) {
    this.tree = tree;
    this.all();
  }

  /** Moves to another transform; what is there moves along until it is drawn anew. */
  move(transform) {
    const { scale, x, y } = this.transform;
    const ratio = transform.scale / scale;
    for (const context of [this.context, this.front]) {
      const { canvas } = context;
      context.globalCompositeOperation = "copy";
      context.drawImage(canvas, transform.x - x * ratio, transform.y - y * ratio, canvas.width * ratio, canvas.height * ratio);
      context.globalCompositeOperation = "source-over";
    }
    this.transform = transform;
    this.all();
  }

  all() {
    this.columns = Math.ceil(this.canvas.width / TILE);
    const tiles = this.columns * Math.ceil(this.canvas.height / TILE);
    for (let tile = 0; tile < tiles; tile++) this.dirty.add(tile);
  }

  /** Marks the tiles that a cell touches. */
  touch([level, index]) {
    if (level > this.tree.depth) return this.all();
    const box = this.box(level, index);
    const last = Math.ceil(this.canvas.height / TILE) - 1;
    const [left, right] = [Math.max(0, Math.floor(box.left / TILE)), Math.min(this.columns - 1, Math.floor(box.right / TILE))];
    for (let row = Math.max(0, Math.floor(box.top / TILE)); row <= Math.min(last, Math.floor(box.bottom / TILE)); row++) {
      for (let column = left; column <= right; column++) this.dirty.add(row * this.columns + column);
    }
  }

  box(level, index) {
    const { scale, x, y } = this.transform;
    const [a, b, c] = corners(this.tree.depth, level, index);
    return { left: a[0] * scale + x - 1, right: b[0] * scale + x + 1, top: Math.min(a[1], c[1]) * scale + y - 1, bottom: Math.max(a[1], c[1]) * scale + y + 1 };
  }

  /** Draws tiles until the time of a frame is used up; true if some are left. */
  paint() {
    const end = performance.now() + BUDGET_MS;
    for (const tile of this.dirty) {
      this.dirty.delete(tile);
      this.tile((tile % this.columns) * TILE, Math.floor(tile / this.columns) * TILE);
      if (performance.now() > end) break;
    }
    if (!this.dirty.size || end - this.presented > PRESENT_MS) this.present(end);
    return this.dirty.size > 0;
  }

  present(now) {
    this.presented = now;
    this.front.globalCompositeOperation = "copy";
    this.front.drawImage(this.canvas, 0, 0);
    this.front.globalCompositeOperation = "source-over";
  }

  tile(left, top) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(left, top, TILE, TILE);
    context.clip();
    context.clearRect(left, top, TILE, TILE);
    if (this.tree) this.cells({ left: left - 1, top: top - 1, right: left + TILE + 1, bottom: top + TILE + 1 });
    context.restore();
  }

  cells(clip) {
    const { scale, x, y } = this.transform;
    const batches = { small: new Map(), middle: new Map(), large: [] };
    this.descend(clip, batches, this.tree.depth, 0, x, HEIGHT * scale + y, scale);
    for (const [state, path] of batches.small) this.fill(state, path, false);
    for (const [state, path] of batches.middle) this.fill(state, path, true);
    for (const cell of batches.large) this.large(cell);
    this.frame();
  }

  descend(clip, batches, level, index, x, y, side) {
    if (x > clip.right || x + side < clip.left || y < clip.top || y - side * HEIGHT > clip.bottom) return;
    if (level === 0 || side < GRAIN * this.ratio) return this.collect(batches, level, index, x, y, side, true);
    const half = side / 2;
    const middle = y - half * HEIGHT;
    this.collect(batches, level, index, x + half / 2, middle, half, false);
    this.descend(clip, batches, level - 1, index * 3, x, y, half);
    this.descend(clip, batches, level - 1, index * 3 + 1, x + half / 2, middle, half);
    this.descend(clip, batches, level - 1, index * 3 + 2, x + half, y, half);
  }

  collect(batches, level, index, x, y, side, upright) {
    const state = LETTERS[String.fromCharCode(this.tree.levels[level][index])];
    if (!state) return;
    const gap = Math.min(side * 0.035, 2.2 * this.ratio);
    if (side >= OUTLINED * this.ratio) return batches.large.push({ place: [level, index], state, x, y, side, gap, upright });
    const batch = side < PATTERNED * this.ratio ? batches.small : batches.middle;
    let path = batch.get(state);
    if (!path) batch.set(state, (path = new Path2D()));
    triangle(path, x, y, side, gap, upright);
  }

  fill(state, path, patterned) {
    const { context, colours, patterns } = this;
    const pattern = patterned && state !== "queued" && patterns[state];
    context.fillStyle = pattern || colours[state];
    context.globalAlpha = 1;
    if (pattern) {
      context.globalAlpha = 0.35;
      context.fillStyle = colours[state];
      context.fill(path);
      context.globalAlpha = 1;
      context.fillStyle = pattern;
    }
    context.fill(path);
  }

  /** A cell that is large enough for an outline, a pattern and words. */
  large({ place, state, x, y, side, gap, upright }) {
    const path = new Path2D();
    triangle(path, x, y, side, gap, upright);
    this.body(state, path, side, place[0] === 0);
    if (state === "failed") this.cross(x, y, side, upright);
    if (side >= LABELLED * this.ratio) this.label(place, state, x, y, side, upright);
    else if (side >= NUMBERED * this.ratio && place[0] === 0) this.number(place[1], state, x, y, side);
  }

  number(index, state, x, y, side) {
    const { context, colours, ratio } = this;
    context.font = `560 ${Math.min(side / 4.6, 14 * ratio)}px ${this.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const middle = y - side * HEIGHT * 0.26;
    if (this.patterns[state]) this.veil(index, x + side / 2, middle, side);
    context.fillStyle = state === "proven" ? colours["on-proven"] : colours.label;
    context.fillText(index, x + side / 2, middle, side * 0.5);
  }

  body(state, path, side, solid) {
    const { context, colours, patterns } = this;
    const size = side / this.ratio;
    const strength = solid ? Math.max(0.8, 1 - size / 1400) : Math.max(0.16, 0.8 - Math.sqrt(size / 420));
    context.fillStyle = colours[state];
    context.globalAlpha = { waiting: 0.28, queued: 0.16, proving: 0.16, carried: 0.14, failed: 0.3 }[state] ?? strength;
    context.fill(path);
    if (patterns[state]) {
      context.globalAlpha = Math.max(0.3, 0.9 - size / 420);
      context.fillStyle = patterns[state];
      context.fill(path);
    }
    context.globalAlpha = 1;
    context.lineJoin = "round";
    context.lineWidth = Math.min(2.4, 1 + size / 160) * this.ratio * (state === "failed" ? 1.6 : 1);
    context.setLineDash(state === "waiting" ? [4 * this.ratio, 4 * this.ratio] : []);
    context.strokeStyle = colours[state];
    context.stroke(path);
    context.setLineDash([]);
  }

  cross(x, y, side, upright) {
    const { context, colours } = this;
    const [middle, arm] = [upright ? y - side * HEIGHT * 0.33 : y + side * HEIGHT * 0.33, Math.min(side * 0.1, 16 * this.ratio)];
    const lift = side >= LABELLED * this.ratio ? (upright ? side * 0.21 : -side * 0.2) : 0;
    context.beginPath();
    for (const turn of [-1, 1]) {
      context.moveTo(x + side / 2 - arm, middle - lift - arm * turn);
      context.lineTo(x + side / 2 + arm, middle - lift + arm * turn);
    }
    context.lineWidth = Math.max(1.5, arm / 4);
    context.strokeStyle = colours.failed;
    context.stroke();
  }

  label(place, state, x, y, side, upright) {
    const { context, colours, tree, ratio } = this;
    const [level, index] = place;
    const size = Math.min(21 * ratio, side / 8.4);
    const title = level === 0 ? `shard ${index}` : level === tree.depth ? "top merge" : `merge ${level - 1}.${index}`;
    const lines = [title, ...(side >= 130 * ratio ? [state] : []), ...(side >= 170 * ratio && tree.holder(place) ? [tree.holder(place)] : [])];
    const drop = lines.length > 1 ? 0.3 : 0.22;
    const middle = upright ? y - side * HEIGHT * drop : y + side * HEIGHT * drop;
    const solid = state === "proven" && level === 0;
    context.textAlign = "center";
    context.textBaseline = "middle";
    lines.forEach((line, n) => {
      context.font = `${n ? 450 : 620} ${n ? size * 0.8 : size}px ${this.font}`;
      const at = middle + (n - (lines.length - 1) / 2) * size * 1.28;
      if (this.patterns[state]) this.veil(line, x + side / 2, at, side);
      context.fillStyle = solid ? colours["on-proven"] : colours.label;
      context.fillText(line, x + side / 2, at, side * 0.66);
    });
  }

  /** Clears the ground of words that stand on a pattern. */
  veil(line, x, y, side) {
    const { context, colours, ratio } = this;
    context.lineWidth = 5 * ratio;
    context.lineJoin = "round";
    context.strokeStyle = colours.surface;
    context.strokeText(line, x, y, side * 0.66);
  }

  /** The nest: the frame around the tree. */
  frame() {
    const { scale, x, y } = this.transform;
    const path = new Path2D();
    for (const out of [FRAME_GAP + FRAME_WIDTH, FRAME_GAP]) {
      triangle(path, x, HEIGHT * scale + y, scale, -out * scale, true);
    }
    const { context, colours, patterns } = this;
    const state = this.tree.state([this.tree.depth + 1, 0]);
    if (!state) return;
    context.fillStyle = colours[state];
    context.globalAlpha = { waiting: 0.28, queued: 0.2, proving: 0.25, failed: 0.4 }[state] ?? 0.92;
    context.fill(path, "evenodd");
    context.globalAlpha = 1;
    if (patterns[state]) {
      context.fillStyle = patterns[state];
      context.fill(path, "evenodd");
    }
    context.lineWidth = 1.3 * this.ratio;
    context.lineJoin = "round";
    context.setLineDash(state === "waiting" ? [5 * this.ratio, 4 * this.ratio] : []);
    context.strokeStyle = colours[state];
    context.stroke(path);
    context.setLineDash([]);
    this.frameLabel(state, scale, x, y);
  }

  frameLabel(state, scale, x, y) {
    const { context, colours, ratio, tree } = this;
    const size = Math.min(FRAME_WIDTH * scale * 0.62, 15 * ratio);
    if (size < 9 * ratio) return;
    const [middle, line] = [y + (HEIGHT + FRAME_GAP + FRAME_WIDTH / 2) * scale, `nest of epoch ${tree.epoch}: ${state}`];
    context.font = `560 ${size}px ${this.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    if (this.patterns[state]) this.veil(line, x + scale / 2, middle, scale);
    context.fillStyle = state === "proven" ? colours["on-proven"] : colours.label;
    context.fillText(line, x + scale / 2, middle);
  }
}

/** Adds a triangle with a horizontal side at `y`, every side moved inwards by `gap`. */
export function triangle(path, x, y, side, gap, upright) {
  const left = x + ROOT3 * gap;
  const inner = side - 2 * ROOT3 * gap;
  const [base, height] = upright ? [y - gap, -inner * HEIGHT] : [y + gap, inner * HEIGHT];
  path.moveTo(left, base);
  path.lineTo(left + inner, base);
  path.lineTo(left + inner / 2, base + height);
  path.closePath();
}

function diagonal(context) {
  context.lineWidth = 2.6;
  context.beginPath();
  for (const offset of [-8, 0, 8]) {
    context.moveTo(offset - 1, 9);
    context.lineTo(offset + 9, -1);
  }
  context.stroke();
}

function horizontal(context) {
  context.fillRect(0, 1, 8, 2);
  context.fillRect(0, 5, 8, 2);
}

function dots(context) {
  context.fillRect(1, 1, 2, 2);
  context.fillRect(5, 5, 2, 2);
}

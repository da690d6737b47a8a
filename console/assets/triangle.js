// The Sierpinski triangle that a proof tree is. A place is [level, index]: level 0 are the shards' programs, level k the
// merges of level k - 1, level depth + 1 the nest. The whole has side 1, its base on y = HEIGHT, its apex at y = 0.
// The children of a place lie left, top, right, so that indices grow from left to right.

export const HEIGHT = Math.sqrt(3) / 2;

/** Distance from the tree to the nest's frame, and the frame's width. */
export const FRAME_GAP = 0.011;
export const FRAME_WIDTH = 0.023;

/** The upright triangle of a subtree: x of its left corner, y of its base, side. */
export function subtree(depth, level, index) {
  let [x, y, side] = [0, HEIGHT, 1];
  for (let power = 3 ** (depth - level); power > 1; power /= 3) {
    const child = Math.floor(index / (power / 3)) % 3;
    side /= 2;
    x += [0, side / 2, side][child];
    y -= child === 1 ? side * HEIGHT : 0;
  }
  return { x, y, side };
}

/** Corners of a place's own triangle: upright for a program, inverted for a merge, the frame's outside for the nest. */
export function corners(depth, level, index) {
  if (level > depth) {
    const out = FRAME_GAP + FRAME_WIDTH;
    const wide = out * Math.sqrt(3);
    return [[-wide, HEIGHT + out], [1 + wide, HEIGHT + out], [0.5, -2 * out]];
  }
  const { x, y, side } = subtree(depth, level, index);
  if (level === 0) return [[x, y], [x + side, y], [x + side / 2, y - side * HEIGHT]];
  const middle = y - (side * HEIGHT) / 2;
  return [[x + side / 4, middle], [x + (side * 3) / 4, middle], [x + side / 2, y]];
}

export function centre(depth, level, index) {
  if (level > depth) return [0.5, HEIGHT + FRAME_GAP + FRAME_WIDTH / 2];
  const [a, b, c] = corners(depth, level, index);
  return [(a[0] + b[0] + c[0]) / 3, (a[1] + b[1] + c[1]) / 3];
}

/** The place at a point, by arithmetic: each step halves the triangle. */
export function hit(depth, x, y) {
  let up = (HEIGHT - y) / HEIGHT;
  let along = x - up / 2;
  if (up < 0 || along < 0 || up + along > 1) return inFrame(x, y) ? [depth + 1, 0] : null;
  let index = 0;
  for (let level = depth; level > 0; level--) {
    [along, up] = [along * 2, up * 2];
    if (up >= 1) [up, index] = [up - 1, index * 3 + 1];
    else if (along >= 1) [along, index] = [along - 1, index * 3 + 2];
    else if (along + up <= 1) index = index * 3;
    else return [level, index];
  }
  return [0, index];
}

function inFrame(x, y) {
  const out = FRAME_GAP + FRAME_WIDTH;
  const slope = (Math.abs(x - 0.5) * 2 * HEIGHT - y) / 2;
  return y <= HEIGHT + out && slope <= out;
}

export const parent = (depth, [level, index]) => (level > depth ? null : [level + 1, level === depth ? 0 : Math.floor(index / 3)]);

export function children(depth, [level, index]) {
  if (level === 0) return [];
  if (level > depth) return [[depth, 0]];
  return [0, 1, 2].map((child) => [level - 1, index * 3 + child]);
}

export const same = (a, b) => a === b || (a && b && a[0] === b[0] && a[1] === b[1]);

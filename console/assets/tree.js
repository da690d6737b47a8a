// The cells of one epoch's tree, as the events tell them.

export const STATES = ["waiting", "queued", "proving", "proven", "carried", "failed"];
const LETTERS = { w: "waiting", q: "queued", r: "proving", p: "proven", c: "carried", f: "failed" };
const code = (letter) => letter.charCodeAt(0);

/** Cells of a level that are read at most. */
const MAX_LEVEL_CELLS = 531441;

function* runs(text) {
  const pattern = /(\d+)(\D)/gy;
  let start = 0;
  for (let match; (match = pattern.exec(text)); ) {
    const length = Number(match[1]);
    if (start + length > MAX_LEVEL_CELLS) throw new Error("a level with too many cells");
    yield [start, length, code(match[2])];
    start += length;
  }
}

export class Tree {
  constructor({ epoch, depth, levels, holders }) {
    this.epoch = epoch;
    this.depth = depth;
    this.levels = levels.map((text) => {
      const cells = [];
      for (const [start, length, letter] of runs(text)) for (let i = start; i < start + length; i++) cells[i] = letter;
      return Uint8Array.from(cells);
    });
    this.holders = new Map();
    this.hold(holders);
  }

  /** Takes a difference over; gives the cells that changed as [level, index, letter before]. */
  patch({ levels, holders }) {
    const changed = [];
    levels.forEach((text, level) => {
      const cells = this.levels[level];
      for (const [start, length, letter] of runs(text)) {
        if (letter === code(".")) continue;
        for (let index = start; index < Math.min(start + length, cells.length); index++) {
          if (cells[index] !== letter) changed.push([level, index, cells[index]]);
          cells[index] = letter;
        }
      }
    });
    this.hold(holders);
    return changed;
  }

  hold(holders) {
    for (const [level, index, name] of holders) {
      if (name) this.holders.set(`${level}.${index}`, name);
      else this.holders.delete(`${level}.${index}`);
    }
  }

  letter([level, index]) {
    return this.levels[level]?.[index] ?? code(" ");
  }

  /** A word of STATES, or null where there is no such shard. */
  state(place) {
    return LETTERS[String.fromCharCode(this.letter(place))] ?? null;
  }

  holder([level, index]) {
    return this.holders.get(`${level}.${index}`);
  }

  /** Number of cells of each state, per level. */
  counts() {
    return this.levels.map((cells) => {
      const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
      for (const letter of cells) {
        const state = LETTERS[String.fromCharCode(letter)];
        if (state) counts[state]++;
      }
      return counts;
    });
  }

  /** The next place of this state after `from`, from the root down and around; null if there is none. */
  next(state, from) {
    const top = this.levels.length - 1;
    const [level, index] = from ?? [top, -1];
    const wanted = code(Object.keys(LETTERS).find((letter) => LETTERS[letter] === state));
    for (let step = 0; step <= this.levels.length; step++) {
      const at = (((level - step) % (top + 1)) + top + 1) % (top + 1);
      const found = this.levels[at].indexOf(wanted, step ? 0 : index + 1);
      if (found >= 0) return [at, found];
    }
    return null;
  }

  /** What a place is, for people. */
  name([level, index]) {
    if (level === 0) return `Shard ${index}`;
    if (level > this.depth) return `Nest of epoch ${this.epoch}`;
    return `Merge ${index} of level ${level - 1}`;
  }
}

export { LETTERS };

// Numbers as people read them.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (number) => grouped.format(number).replaceAll(",", "\u202f");

/** Milliseconds as two units at most. */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [[big, bigSize], [small, smallSize]] = units.slice(first, first + 2).length === 2 ? units.slice(first, first + 2) : [units[2], units[3]];
  const rest = Math.floor((seconds % bigSize) / smallSize);
  return `${Math.floor(seconds / bigSize)} ${big}${rest ? ` ${rest} ${small}` : ""}`;
}

export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = number < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(number) / 3));
  return `${(number / 1000 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}

export const seconds = (number) => (number >= 100 ? `${count(number)} s` : `${number.toFixed(1)} s`);

export const short = (hex) => (hex && hex.length > 16 ? `${hex.slice(0, 8)}…${hex.slice(-4)}` : hex || "–");

export function clock(unixMs) {
  if (!unixMs) return "earlier";
  return new Date(unixMs).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

// The connection to the farm: it comes back by itself, and says how old is what is shown.

/** Time without any event after which a connection counts as dead; the server sends one every 5 s at least. */
const SILENCE_MS = 13000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15000;

export class Feed {
  /** `on` has a function per event and `state(text)` for "live", "connecting" and "lost". */
  constructor(on) {
    this.on = on;
    this.epoch = null;
    this.retry = FIRST_RETRY_MS;
    this.heard = performance.now();
    setInterval(() => this.watch(), 1000);
    addEventListener("online", () => this.open());
    addEventListener("pageshow", (event) => event.persisted && this.open());
    this.open();
  }

  /** Watches one epoch, or follows the farm (null). */
  show(epoch) {
    if (this.epoch === epoch) return;
    this.epoch = epoch;
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    this.heard = performance.now();
    const query = this.epoch === null ? "" : `?epoch=${this.epoch}`;
    const source = new EventSource(`/api/v1/events${query}`);
    this.source = source;
    for (const name of ["view", "patch", "cells", "delta", "beat"]) {
      source.addEventListener(name, (event) => this.take(name, event.data));
    }
    source.onerror = () => this.lost(source);
  }

  take(name, data) {
    this.heard = performance.now();
    this.retry = FIRST_RETRY_MS;
    this.on.state("live");
    if (name !== "beat") this.on[name](JSON.parse(data));
  }

  lost(source) {
    if (source !== this.source) return;
    source.close();
    this.on.state("lost");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), this.retry);
    this.retry = Math.min(this.retry * 1.7, LONGEST_RETRY_MS);
  }

  watch() {
    if (performance.now() - this.heard > SILENCE_MS && this.source?.readyState !== EventSource.CLOSED) this.lost(this.source);
  }
}

// The newest view, put together from events.

export class Farm {
  constructor(view) {
    this.view = view;
    this.workers = new Map();
    for (const worker of view.workers) this.hear(worker);
    this.changed = performance.now();
  }

  patch({ set, workers, gone }) {
    if (set.updated_unix_ms) this.changed = performance.now();
    Object.assign(this.view, set);
    for (const worker of workers) this.hear(worker);
    for (const name of gone) this.workers.delete(name);
  }

  hear(worker) {
    worker.told = performance.now();
    this.workers.set(worker.presence.name, worker);
  }

  /** Time since the coordinator renewed its picture, in milliseconds. */
  age() {
    return performance.now() - this.changed;
  }

  epoch(number) {
    return this.view.epochs.find((epoch) => epoch.epoch === number);
  }

  published(number) {
    return this.view.recent.find((epoch) => epoch.epoch === number);
  }
}

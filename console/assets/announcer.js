// What a screen reader is told: epochs and failures, and never more than one sentence in a while.

const PAUSE_MS = 4000;

export class Announcer {
  constructor(node) {
    this.node = node;
    this.next = [];
    this.seen = null;
  }

  view(view) {
    const now = { published: view.published_epoch, quarantined: view.quarantined_tasks, idle: view.idle };
    const before = this.seen ?? now;
    this.seen = now;
    if (now.published > before.published) this.say("epoch", `Epoch ${now.published} is published.`);
    if (now.quarantined > before.quarantined) this.say("failed", `${now.quarantined} ${now.quarantined === 1 ? "task is" : "tasks are"} quarantined.`);
    if (now.idle && !before.idle) this.say("idle", `The farm is idle: ${now.idle}.`);
  }

  /** Says `text` soon; a newer text of the same kind replaces one that was not said yet. */
  say(kind, text) {
    this.next = [...this.next.filter((other) => other.kind !== kind), { kind, text }];
    if (!this.timer) this.speak();
  }

  speak() {
    const texts = this.next.map(({ text }) => text);
    this.next = [];
    this.timer = texts.length ? setTimeout(() => this.speak(), PAUSE_MS) : null;
    if (texts.length) this.node.textContent = texts.join(" ");
  }
}

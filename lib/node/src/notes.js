// What a running task has to say: progress, log lines; sent with its beats.

const BODY_MAX = 4096; // bytes that a beat may bring
const ROOM = 64; // of them, for the braces and names around
const MESSAGE_MAX = 800; // bytes
const LINE_MAX = 3000; // bytes; longer lines are cut
const WAITING_MAX = 1000; // lines; then the oldest make room

const sizeOf = (value) => Buffer.byteLength(JSON.stringify(value));

/** As many characters as fit into so many bytes of JSON. */
export function cut(text, most) {
  let kept = text;
  let size = sizeOf(kept);
  if (size <= most) return text;
  while (size > most && kept.length > 1) {
    kept = kept.slice(0, Math.max(1, Math.floor((kept.length * (most - 8)) / size)));
    size = sizeOf(kept) + 5;
  }
  return `${kept.replace(/[\ud800-\udbff]$/, '')}…`;
}

export class Notes {
  #progress;
  #message;
  #lines = [];
  #leftOut = 0;
  #body = '';

  progress(value, message) {
    this.#progress = Math.min(1, Math.max(0, Number(value) || 0));
    if (message !== undefined) this.#message = cut(String(message), MESSAGE_MAX);
  }

  line(text) {
    if (this.#lines.length >= WAITING_MAX) {
      this.#lines.shift();
      this.#leftOut += 1;
    }
    this.#lines.push(cut(text, LINE_MAX));
  }

  get waiting() {
    return this.#body !== '' || this.#progress !== undefined || this.#lines.length > 0;
  }

  /** The next body for a beat; the same again until `sent` was called. */
  body() {
    if (this.#body === '' && this.waiting) this.#body = this.#take();
    return this.#body;
  }

  sent() {
    this.#body = '';
  }

  #take() {
    const what = { progress: this.#progress, message: this.#message };
    this.#progress = this.#message = undefined;
    if (this.#leftOut > 0) {
      this.#lines.unshift(`(${this.#leftOut} lines left out)`);
      this.#leftOut = 0;
    }
    let size = sizeOf(what) + ROOM;
    let count = 0;
    for (const line of this.#lines) {
      size += sizeOf(line) + 1;
      if (size > BODY_MAX && count > 0) break;
      count += 1;
    }
    if (count > 0) what.log = this.#lines.splice(0, count);
    return JSON.stringify(what);
  }
}

// A task as its function sees it (Task), and as the worker does (Job). The fields are explained in
// ../index.d.ts.
import { keyOf } from './calls.js';
import { Notes } from './notes.js';

const AMOUNT_MOST = 1e15; // of usage: all together is 4 KiB of JSON
const MEASURES_MOST = 32;
const NAME_MOST = 64; // bytes

export class Task {
  #job;
  #controller;
  #usage;

  constructor(text, job) {
    const what = JSON.parse(text);
    this.runId = what.run_id;
    this.workflow = what.workflow;
    this.version = what.version;
    this.nodeId = what.node_id;
    this.scope = what.scope;
    this.type = what.type;
    this.name = what.name;
    this.attempt = what.attempt;
    this.idempotencyKey = what.idempotency_key;
    this.timeoutMs = what.timeout_ms ?? null;
    this.input = what.input ?? null;
    this.config = what.config ?? {};
    this.#job = job;
  }

  get signal() {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#job.dropped) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  get cancelled() {
    return this.#job.dropped;
  }

  progress(value, message) {
    this.#job.noted().progress(value, message);
  }

  log(...values) {
    const text = values.map((v) => (typeof v === 'string' ? v : (JSON.stringify(v) ?? String(v))));
    this.#job.noted().line(text.join(' '));
  }

  usage(amounts) {
    for (const [name, amount] of Object.entries(amounts)) {
      if (typeof amount !== 'number') throw new TypeError(`usage ${name} must be a number, not ${amount}`);
      if (!(Math.abs(amount) <= AMOUNT_MOST) || Buffer.byteLength(name) > NAME_MOST) {
        throw new RangeError(`usage ${name.slice(0, 80)}: ${amount}`);
      }
    }
    if (Object.keys({ ...this.#usage, ...amounts }).length > MEASURES_MOST) {
      throw new RangeError(`more than ${MEASURES_MOST} measures of usage`);
    }
    this.#usage ??= {};
    for (const [name, amount] of Object.entries(amounts)) {
      this.#usage[name] = (this.#usage[name] ?? 0) + amount;
    }
  }

  /** For the worker: what usage came to, and telling who looks at `signal`. */
  static usageOf(task) {
    return task.#usage;
  }

  static abort(task) {
    task.#controller?.abort();
  }
}

export class Job {
  constructor(lane, claim, text, now, onNote) {
    this.lane = lane;
    this.claim = claim;
    this.key = keyOf(claim);
    this.beaten = now; // ms
    this.dropped = false; // nobody wants its result
    this.notes = null;
    this.onNote = onNote;
    this.task = new Task(text, this);
  }

  noted() {
    this.notes ??= new Notes();
    this.onNote(this);
    return this.notes;
  }

  words() {
    return this.notes === null ? '' : this.notes.body();
  }

  said() {
    this.notes?.sent();
  }

  hasWords() {
    return this.notes !== null && this.notes.waiting;
  }

  drop() {
    this.dropped = true;
    Task.abort(this.task);
  }

  toString() {
    const { type, name, runId, nodeId, attempt } = this.task;
    return `${type}:${name} run ${runId} node ${nodeId} attempt ${attempt}`;
  }
}

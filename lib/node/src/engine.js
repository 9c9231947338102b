// The loop of a worker: one turn takes everything that has to be said to Redis, in one round trip.
//
//   claimed ── waiting ── running ── result in its lane ── taken by the script
//                 └───── handed back when draining
//
// Each turn calls every lane that has results, beats that are due, or may have tasks for the room there
// is. While a turn is under way, functions go on: their results gather for the next one. Nothing is
// called per task. A second connection listens for new tasks (the bell).
import { performance } from 'node:perf_hooks';
import { FAILED, HANDED_BACK, argumentsOf } from './calls.js';
import { TaskError, failureOf } from './errors.js';
import { Lane } from './lane.js';
import { Link, Pause } from './link.js';
import { Runner } from './runner.js';
import { Job } from './task.js';

const WANT_MOST = 1000; // of one call
const AHEAD_MOST = 1000; // tasks that are claimed before there is room for them
const BELL_LONGEST_MS = 5000; // then all are asked, since claims that lapsed do not ring
const FLUSH_MS = 5000; // for the last results, when Redis is away at the end
const WAIT_FOR_FLEET_MS = 200;

const pauseFor = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

export class Engine {
  #worker;
  #log;
  #link;
  #runner;
  #waiting = [];
  #lanes = [];
  #beatEvery;
  #turns = 0;
  #woken = false;
  #wake = () => {};
  #bellMayListen = false;
  #listen = () => {};
  #draining = false;
  #ended = false;
  #endOfDrain = Infinity;

  constructor(worker) {
    this.#worker = worker;
    this.#log = worker.log;
    this.#link = new Link(worker.url, worker.options, (error) => this.#log.debug?.(error.message));
    this.#runner = new Runner(worker, (job, kind, body) => this.#finished(job, kind, body));
    this.#beatEvery = worker.leaseMs / 3;
  }

  /** Drain; the second time, do not wait for what runs. */
  stop() {
    const now = performance.now();
    if (!this.#draining) {
      this.#log.info?.(`draining: ${this.#runner.running} run, ${this.#waiting.length} wait`);
    }
    this.#endOfDrain = this.#draining ? now : now + this.#worker.drainTimeoutMs;
    this.#draining = true;
    this.#rouse();
  }

  async run() {
    try {
      await this.#open();
      void this.#listenForBell();
      await this.#work();
    } finally {
      this.#ended = true;
      this.#allowBell();
      this.#link.close();
    }
  }

  /** Waits for Redis, and for a supervisor. */
  async #open() {
    const pause = new Pause();
    let said = '';
    while (!this.#draining) {
      let why = 'waiting for a supervisor';
      let wait = WAIT_FOR_FLEET_MS;
      try {
        const partitions = await this.#link.open();
        if (partitions > 0) {
          for (const queue of this.#worker.queues) {
            for (let p = 0; p < partitions; p++) this.#lanes.push(new Lane(queue, p));
          }
          const queues = [...this.#worker.queues].join(', ');
          this.#log.info?.(`worker ${this.#worker.name}: ${queues} in ${partitions} partitions`);
          return;
        }
      } catch (error) {
        why = `cannot reach Redis: ${error.message}`;
        wait = pause.take();
      }
      if (why !== said) this.#log.warn?.(why);
      said = why;
      await this.#sleep(wait);
    }
  }

  async #work() {
    const pause = new Pause();
    for (;;) {
      await nextTurn(); // what can run does: its results go along
      if (this.#draining && this.#drained()) return;
      this.#woken = false;
      const now = performance.now();
      const batch = this.#batch(now);
      if (!this.#draining && this.#room() > 0 && !this.#lanes.some((lane) => lane.rung)) {
        this.#allowBell();
      }
      if (batch.length === 0) {
        await this.#sleep(this.#nextTime(now) - now);
        continue;
      }
      try {
        await this.#turn(batch);
        pause.reset();
      } catch (error) {
        const wait = pause.take();
        const what = error.name === 'ReplyError' ? 'Redis refuses' : 'lost Redis';
        this.#log.warn?.(`${what}, trying again in ${Math.round(wait)} ms: ${error.message}`);
        this.#link.forget();
        await pauseFor(wait);
      }
    }
  }

  // --- One turn ---

  #batch(now) {
    let room = this.#draining ? 0 : this.#room();
    const open = this.#lanes.filter((lane) => now >= lane.notBefore);
    // What has results is called anyway: asking along costs nothing.
    let asked = room > 0 ? open.filter((lane) => lane.ready || lane.results.length > 0) : [];
    if (asked.length > 0) {
      const first = ++this.#turns % asked.length;
      asked = [...asked.slice(first), ...asked.slice(0, first)];
    }
    const wants = new Map();
    asked.forEach((lane, i) => {
      const want = Math.min(WANT_MOST, Math.ceil(room / (asked.length - i)));
      wants.set(lane, want);
      room -= want;
    });
    return open.flatMap((lane) => lane.calls(now, wants.get(lane) ?? 0, this.#beatEvery));
  }

  async #turn(batch) {
    const { name, leaseMs } = this.#worker;
    const answers = await this.#link.call(batch.map(({ lane, want, results, beats }) => [
      lane.meta, argumentsOf(lane.queue, name, leaseMs, want, results, beats)]));
    const now = performance.now();
    let failure = null;
    batch.forEach((call, i) => {
      const answer = answers[i];
      if (answer instanceof Error) {
        failure = answer;
        return;
      }
      call.results.forEach(({ claim }, at) => {
        const word = answer.results[at];
        if (word !== undefined && word !== 'ok' && word !== 'too_large') {
          this.#log.info?.(`result of run ${claim[0]} not taken: ${word}`);
        }
      });
      for (const job of call.lane.answered(call, answer, now)) {
        this.#log.info?.(`unwanted: ${job}`);
        job.drop();
      }
      for (const given of answer.tasks) this.#take(call.lane, given, now);
    });
    this.#start();
    if (failure !== null) throw failure;
  }

  #take(lane, { claim, text }, now) {
    let job;
    try {
      job = new Job(lane, claim, text, now, (noted) => this.#noted(noted));
    } catch (error) {
      const unreadable = new TaskError('bad_input', `the task cannot be read: ${error.message}`, { retry: false });
      lane.results.push({ claim, kind: FAILED, body: failureOf(unreadable) });
      return;
    }
    lane.jobs.set(job.key, job);
    this.#waiting.push(job);
  }

  #room() {
    const ahead = Math.min(AHEAD_MOST, this.#runner.workOf(this.#worker.prefetchMs));
    return Math.max(
      0, this.#worker.concurrency + ahead - this.#runner.running - this.#waiting.length);
  }

  #nextTime(now) {
    let next = this.#draining ? this.#endOfDrain : Infinity;
    for (const lane of this.#lanes) next = Math.min(next, lane.nextTime(now, this.#beatEvery));
    return next;
  }

  // --- Functions ---

  #start() {
    let at = 0;
    for (; at < this.#waiting.length && this.#runner.running < this.#worker.concurrency; at++) {
      if (!this.#waiting[at].dropped) this.#runner.start(this.#waiting[at]);
    }
    if (at > 0) this.#waiting.splice(0, at);
  }

  #finished(job, kind, body) {
    if (!job.dropped) job.lane.finish(job, kind, body);
    this.#start();
    this.#rouse();
  }

  #noted(job) {
    if (job.dropped || !job.lane.jobs.has(job.key)) return;
    job.lane.noted.set(job.key, job);
    this.#rouse();
  }

  // --- The bell ---

  #allowBell() {
    this.#bellMayListen = true;
    this.#listen();
  }

  async #listenForBell() {
    const pause = new Pause();
    while (!this.#ended) {
      if (!this.#bellMayListen) {
        await new Promise((resolve) => {
          this.#listen = resolve;
        });
        continue;
      }
      const lanes = this.#lanes.filter((lane) => lane.cursor !== null);
      let rung = new Set();
      try {
        if (lanes.length > 0) {
          const cursors = new Map(lanes.map((lane) => [lane.stream, lane.cursor]));
          rung = await this.#link.bell(cursors, BELL_LONGEST_MS);
        }
        pause.reset();
      } catch (error) {
        if (this.#ended) return;
        this.#log.debug?.(`the bell is lost: ${error.message}`);
        await pauseFor(pause.take());
      }
      this.#bellMayListen = false;
      for (const lane of this.#lanes) {
        if (!lane.ready && (rung.size === 0 || rung.has(lane.stream))) {
          lane.ready = lane.rung = true;
        }
      }
      this.#rouse();
      if (lanes.length === 0) await pauseFor(WAIT_FOR_FLEET_MS); // asked in their own time
    }
  }

  // --- The end ---

  /** Hands back what has not begun; and what has, when its time is over. True when nothing is left to
   *  say. */
  #drained() {
    const now = performance.now();
    for (const job of this.#waiting.splice(0)) {
      if (!job.dropped) job.lane.finish(job, HANDED_BACK, '');
    }
    if (now >= this.#endOfDrain) {
      for (const lane of this.#lanes) {
        for (const job of [...lane.jobs.values()]) {
          lane.finish(job, HANDED_BACK, '');
          job.drop();
          this.#log.warn?.(`handed back: ${job}`);
        }
      }
    }
    if (this.#lanes.some((lane) => lane.jobs.size > 0)) return false;
    const left = this.#lanes.reduce((sum, lane) => sum + lane.results.length, 0);
    if (left > 0 && now >= this.#endOfDrain + FLUSH_MS) {
      this.#log.error?.(`${left} results were not taken: Redis is away`);
      return true;
    }
    return left === 0;
  }

  #rouse() {
    this.#woken = true;
    this.#wake();
  }

  /** So long, or until something happens. */
  async #sleep(ms) {
    if (this.#woken) return;
    let timer;
    await new Promise((resolve) => {
      this.#wake = resolve;
      if (ms !== Infinity) timer = setTimeout(resolve, Math.min(Math.max(0, ms), 2 ** 31 - 1));
    });
    clearTimeout(timer);
  }
}

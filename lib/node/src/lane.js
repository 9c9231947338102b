// One queue in one partition: what has to be said to it, and whether it may have something.
//
//   ready   it may have tasks: it is asked in the next turn that has room
//   rung    the bell rang for it (or it was never asked), and it has not answered since
//   cursor  where the bell listens from; null until the partition gave one
import { COMPLETED, FAILED, metaKey, streamKey } from './calls.js';

const RESULTS_MOST = 500; // of one call
const BEATS_MOST = 500;
const BYTES_MOST = 4 << 20; // of results in one call, unless a single one is larger
const PLENTY = 512 << 10; // so many characters of tasks: there may be more, although fewer than wanted came
const NOTES_EVERY_MS = 500; // how often a task's progress and log lines are sent
const HOLD_MS = 200; // until a partition that cannot work is asked again
const REFUSED = JSON.stringify({
  code: 'bad_output',
  message: 'Redis does not take it for JSON',
  retry: false,
});

export class Lane {
  constructor(queue, partition) {
    this.queue = queue;
    this.meta = metaKey(partition);
    this.stream = streamKey(partition, queue);
    this.cursor = null;
    this.ready = true;
    this.rung = true;
    this.notBefore = 0; // ms
    this.results = [];
    this.jobs = new Map(); // claimed, and not done
    this.noted = new Map(); // of them, those that have something to say
    this.lastWords = []; // of tasks that are done: to be said before their results
  }

  /** Takes the result of a task; what it still has to say goes before. */
  finish(job, kind, body) {
    this.jobs.delete(job.key);
    this.noted.delete(job.key);
    while (job.hasWords()) {
      this.lastWords.push({ claim: job.claim, progress: job.words() });
      job.said();
    }
    this.results.push({ claim: job.claim, kind, body });
  }

  /** What to call now; nothing when there is nothing to say and nothing wanted. The results stay here
   *  until `answered`. */
  calls(now, want, beatEvery) {
    const out = [];
    for (let at = 0; at < this.lastWords.length; at += BEATS_MOST) {
      // The script takes results before beats.
      const beats = this.lastWords.slice(at, at + BEATS_MOST);
      out.push({ lane: this, want: 0, results: [], beats, jobs: [] });
    }
    let jobs = this.#due(now, beatEvery);
    for (; jobs.length > BEATS_MOST; jobs = jobs.slice(BEATS_MOST)) {
      out.push(this.#call(0, [], jobs.slice(0, BEATS_MOST)));
    }
    let size = 0;
    let count = 0;
    for (const { body } of this.results) {
      size += body.length;
      if (count === RESULTS_MOST || (count > 0 && size > BYTES_MOST)) break;
      count += 1;
    }
    if (count > 0 || jobs.length > 0 || want > 0) {
      out.push(this.#call(want, this.results.slice(0, count), jobs));
    }
    return out;
  }

  /** Takes an answer; returns the jobs that nobody wants any more. */
  answered(call, answer, now) {
    if (answer.word === 'again') return [];
    if (answer.word !== 'ok') {
      this.ready = true;
      this.rung = false;
      this.cursor = null;
      this.notBefore = now + HOLD_MS;
      return [];
    }
    this.results.splice(0, call.results.length);
    call.results.forEach(({ claim, kind }, i) => {
      if (answer.results[i] === 'bad' && kind === COMPLETED) {
        this.results.push({ claim, kind: FAILED, body: REFUSED }); // the claim stands: it must end
      }
    });
    if (call.jobs.length === 0) this.lastWords.splice(0, call.beats.length);
    const unwanted = [];
    call.jobs.forEach((job, i) => {
      if (answer.beats[i] === 'stale' || answer.beats[i] === 'gone') {
        this.noted.delete(job.key);
        if (this.jobs.delete(job.key)) unwanted.push(job);
        return;
      }
      job.beaten = now;
      job.said();
      if (!job.hasWords()) this.noted.delete(job.key);
    });
    if (call.want > 0) {
      const size = answer.tasks.reduce((sum, { text }) => sum + text.length, 0);
      this.ready = answer.tasks.length >= call.want || size >= PLENTY;
      this.rung = false;
      this.cursor = answer.cursor;
    }
    return unwanted;
  }

  /** When it has something to say next, if nothing happens before. */
  nextTime(now, beatEvery) {
    if (now < this.notBefore) return this.notBefore;
    if (this.results.length > 0 || this.lastWords.length > 0) return now;
    let next = Infinity;
    for (const job of this.noted.values()) next = Math.min(next, job.beaten + NOTES_EVERY_MS);
    for (const job of this.jobs.values()) next = Math.min(next, job.beaten + beatEvery);
    return next;
  }

  #call(want, results, jobs) {
    const beats = jobs.map((job) => ({ claim: job.claim, progress: job.words() }));
    return { lane: this, want, results, beats, jobs };
  }

  #due(now, beatEvery) {
    const due = [];
    for (const job of this.jobs.values()) {
      const every = this.noted.has(job.key) ? Math.min(NOTES_EVERY_MS, beatEvery) : beatEvery;
      if (now >= job.beaten + every) due.push(job);
    }
    return due;
  }
}

// Runs functions; their outcome as a result's body.
import { performance } from 'node:perf_hooks';
import { COMPLETED, FAILED } from './calls.js';
import { TaskError, failureOf } from './errors.js';
import { Task } from './task.js';

const BODY_MOST = 16 << 20; // characters: sent; the fleet refuses what is larger than it stores values
const WEIGHT = 0.05; // of the newest duration in their mean

export class Runner {
  #handlers;
  #concurrency;
  #log;
  #finished;
  #meanMs = 1000; // that a function takes

  /** `finished(job, kind, body)` is called once for every job that was started, also for those that
   *  were dropped meanwhile. */
  constructor(worker, finished) {
    this.running = 0;
    this.#handlers = worker.handlers;
    this.#concurrency = worker.concurrency;
    this.#log = worker.log;
    this.#finished = finished;
  }

  /** How many tasks are done in that time. */
  workOf(ms) {
    return Math.floor((this.#concurrency * ms) / Math.max(this.#meanMs, 0.001));
  }

  start(job) {
    this.running += 1;
    void this.#run(job);
  }

  async #run(job) {
    const { task } = job;
    const began = performance.now();
    let kind = COMPLETED;
    let body;
    try {
      // Never in the caller's turn: a function without await would keep the engine inside one call.
      await null;
      const handler = this.#handlers.get(`${task.type}:${task.name}`);
      if (handler === undefined) {
        throw new TaskError('not_served', `the worker has no ${task.type} '${task.name}', although it serves the queue`);
      }
      body = completed(task, await handler(task.input, task));
    } catch (error) {
      kind = FAILED;
      body = failureOf(error, Task.usageOf(task));
      if (!job.dropped) this.#tell(job, error);
    }
    this.running -= 1;
    this.#meanMs += (performance.now() - began - this.#meanMs) * WEIGHT;
    this.#finished(job, kind, body);
  }

  #tell(job, error) {
    if (error instanceof TaskError) {
      this.#log.info?.(`${job} failed: ${error.code}: ${error.message}`);
    } else {
      this.#log.error?.(`${job} failed: ${error?.stack ?? error}`);
    }
  }
}

function completed(task, output) {
  try {
    const text = JSON.stringify({ output: output === undefined ? null : output, usage: Task.usageOf(task) });
    // What has no JSON (a function, a symbol) leaves the field out.
    if (!text.startsWith('{"output":')) throw new TypeError(`a ${typeof output}`);
    if (text.length <= BODY_MOST) return text;
    throw new TaskError('too_large', `what it returned has ${text.length} characters`, { retry: false });
  } catch (error) {
    if (error instanceof TaskError) throw error;
    throw new TaskError('bad_output', `what it returned is no JSON: ${error.message}`, { retry: false });
  }
}

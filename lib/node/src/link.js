// The connections to Redis: the script called in batches, the bell, and coming back after a loss.
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { SCRIPT_KEY, answerOf, empty, metaKey } from './calls.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
const TIMEOUT_MS = 15000; // without an answer: the connection is taken for lost

/** Growing pauses between attempts, each 50% to 100% of its length, so that a fleet of workers does not
 *  come back at once. */
export class Pause {
  #next = FIRST_PAUSE_MS;

  reset() {
    this.#next = FIRST_PAUSE_MS;
  }

  take() {
    const length = this.#next;
    this.#next = Math.min(length * 2, LONGEST_PAUSE_MS);
    return length * (0.5 + Math.random() / 2);
  }
}

/** The names in a reply of XREAD: pairs (RESP2), or names and entries in turn, or a map (RESP3, by
 *  version of ioredis). */
export function streamsOf(reply) {
  if (!reply) return new Set();
  if (reply instanceof Map) return new Set(reply.keys());
  if (!Array.isArray(reply)) return new Set(Object.keys(reply));
  return new Set(Array.isArray(reply[0]) ? reply.map((pair) => pair[0])
    : reply.filter((_, i) => i % 2 === 0));
}

export class Link {
  #redis;
  #bell;
  #loaded = false;
  #waiting = new Set(); // what ends waiting for an answer
  #sha = '';

  constructor(url, options, onError) {
    // What was under way when a connection was lost fails at once (0 retries): the engine knows what
    // may be said again.
    const ours = {
      connectTimeout: TIMEOUT_MS,
      enableOfflineQueue: true,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2000) * (0.5 + Math.random() / 2),
      ...options,
    };
    this.#redis = new Redis(url, ours);
    this.#bell = new Redis(url, ours);
    for (const client of [this.#redis, this.#bell]) client.on('error', onError);
  }

  /** Loads the script; how many partitions there are, 0 when no supervisor has opened them. */
  async open() {
    const redis = this.#redis;
    const [partitions, script] = await this.#timely(redis, TIMEOUT_MS, Promise.all([
      redis.hget(metaKey(0), 'partitions'),
      redis.get(SCRIPT_KEY),
    ]));
    if (!partitions || !script) return 0;
    await this.#timely(redis, TIMEOUT_MS, redis.script('LOAD', script));
    this.#sha = createHash('sha1').update(script).digest('hex');
    this.#loaded = true;
    return Number(partitions);
  }

  /** One call of the script for each [key, arguments], in one round trip: an answer each, or the Error
   *  of that call. Rejects when there was no answer. What was not answered may be called again. */
  async call(wanted) {
    if (!this.#loaded && (await this.open()) === 0) return wanted.map(() => empty('none'));
    const pipe = this.#redis.pipeline();
    for (const [key, args] of wanted) pipe.call('EVALSHA', this.#sha, 1, key, ...args);
    const replies = await this.#timely(this.#redis, TIMEOUT_MS, pipe.exec());
    return replies.map(([error, reply]) => {
      if (!error) return answerOf(reply);
      if (!String(error.message).startsWith('NOSCRIPT')) return error;
      this.#loaded = false; // Redis was restarted: call again at once
      return empty('again');
    });
  }

  /** The streams that have got an entry behind their cursor; empty after `waitMs` without. */
  async bell(cursors, waitMs) {
    const names = [...cursors.keys()];
    const reply = await this.#timely(this.#bell, waitMs + TIMEOUT_MS, this.#bell.call(
      'XREAD', 'BLOCK', waitMs, 'COUNT', 1, 'STREAMS', ...names, ...cursors.values()));
    return streamsOf(reply);
  }

  /** After a loss: another server may answer, without the script. */
  forget() {
    this.#loaded = false;
  }

  close() {
    this.#redis.disconnect();
    this.#bell.disconnect();
    // A client that is between two connections leaves its commands unanswered.
    for (const reject of this.#waiting) reject(new Error('the worker ends'));
  }

  async #timely(client, waitMs, answer) {
    let timer;
    let leave;
    const late = new Promise((_, reject) => {
      leave = reject;
      this.#waiting.add(reject);
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${waitMs} ms`));
        client.disconnect(true);
      }, waitMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(leave);
    }
  }
}

// The worker: which functions it has, and running it. Explained in ../index.d.ts.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import process from 'node:process';
import { Engine } from './engine.js';

const NAME = /^[!-)+\-.-{}~]{1,128}$/; // printable ASCII without blanks, '*', ',' and '|'
const SIGNALS = ['SIGTERM', 'SIGINT'];
const QUIET = {
  warn: (text) => process.stderr.write(`troupe: ${text}\n`),
  error: (text) => process.stderr.write(`troupe: ${text}\n`),
};

export class Worker {
  #engine = null;

  constructor(url, options = {}) {
    const {
      concurrency = 32, lease = 15, drainTimeout = 30, prefetch = 0.02, name, log = QUIET, redis = {},
    } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1000) {
      throw new RangeError(`concurrency is 1 to 1,000, not ${concurrency}`);
    }
    if (!(lease >= 1 && lease <= 3600)) throw new RangeError(`lease is 1 to 3,600 seconds, not ${lease}`);
    if (!(drainTimeout >= 0 && prefetch >= 0)) {
      throw new RangeError('drainTimeout and prefetch are 0 or more seconds');
    }
    this.name = name ?? ownName();
    if (!NAME.test(this.name)) {
      throw new RangeError(`a worker's name is 1 to 128 printable ASCII characters without blanks, '|', ',' and '*', not ${this.name}`);
    }
    this.url = url || process.env.TROUPE_REDIS_URL || 'redis://127.0.0.1:6379/0';
    this.concurrency = concurrency;
    this.leaseMs = Math.round(lease * 1000);
    this.drainTimeoutMs = drainTimeout * 1000;
    this.prefetchMs = prefetch * 1000;
    this.log = log;
    this.options = redis;
    this.handlers = new Map();
    this.queues = new Set();
  }

  function(name, handler, options) {
    return this.#add('function', name, handler, options);
  }

  agent(name, handler, options) {
    return this.#add('agent', name, handler, options);
  }

  tool(name, handler, options) {
    return this.#add('tool', name, handler, options);
  }

  async run({ signals = true } = {}) {
    if (this.handlers.size === 0) throw new Error('the worker has no functions');
    if (this.#engine !== null) throw new Error('the worker runs already');
    this.#engine = new Engine(this);
    const stop = () => this.stop();
    if (signals) SIGNALS.forEach((name) => process.on(name, stop));
    try {
      await this.#engine.run();
    } finally {
      SIGNALS.forEach((name) => process.off(name, stop));
      this.#engine = null;
    }
  }

  stop() {
    this.#engine?.stop();
  }

  #add(type, name, handler, { queue } = {}) {
    if (typeof handler !== 'function') throw new TypeError(`${type} '${name}' is no function`);
    const key = `${type}:${name}`;
    if (this.handlers.has(key)) throw new Error(`there is a ${type} '${name}' already`);
    this.handlers.set(key, handler);
    this.queues.add(queue ?? key);
    return this;
  }
}

function ownName() {
  const host = hostname().replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 80);
  return `${host}-${process.pid}-${randomBytes(4).toString('hex')}`;
}

import type { RedisOptions } from 'ioredis';

/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * Thrown by a function to fail its execution with a code of its own; anything else that is thrown fails
 * it with the code `exception`.
 */
export class TaskError extends Error {
  /**
   * @param code what the workflow's `on_error` and `retry` look at, such as `bad_address`; 63 bytes
   * @param message for people; 499 bytes of it are kept
   * @param options `retry: false`: another attempt makes no sense, whatever the node's `retry` says
   */
  constructor(code: string, message?: string, options?: { retry?: boolean; cause?: unknown });
  readonly code: string;
  readonly retry: boolean;
}

/** The second argument of a function. */
export interface Task<Input = any, Config = Record<string, any>> {
  readonly runId: string;
  readonly workflow: string;
  readonly version: number;
  readonly nodeId: string;
  readonly scope: string;
  readonly type: 'function' | 'agent' | 'tool';
  readonly name: string;
  /** 1 for the first. */
  readonly attempt: number;
  /**
   * The same for every attempt and every claim of this execution: hand it to whatever must not do a
   * thing twice.
   */
  readonly idempotencyKey: string;
  /** How long an attempt may take, from its first claim; null: no limit. */
  readonly timeoutMs: number | null;
  /** The node's input, and the further fields of its config. */
  readonly input: Input;
  readonly config: Config;
  /**
   * Aborted when nobody wants the result any more: the run was cancelled, the attempt timed out, another
   * worker has the task, or this one ends. Hand it to `fetch` and timers.
   */
  readonly signal: AbortSignal;
  /** Whether `signal` is aborted. */
  readonly cancelled: boolean;
  /** How far it is, 0 to 1. Of several in quick succession, the last is sent. */
  progress(value: number, message?: string): void;
  /**
   * A line for the run's events. Lines are cut at 3,000 bytes, and the oldest left out when more than
   * 1,000 wait.
   */
  log(...values: unknown[]): void;
  /**
   * What it used, such as `{ tokens: 812, cost: 0.003 }`; several calls add up. It goes with the result,
   * also of an attempt that fails, and the view v_costs adds it up.
   * @throws TypeError for what is no number, RangeError for more than 32 measures, names of more than
   * 64 bytes or amounts over 1e15
   */
  usage(amounts: Record<string, number>): void;
}

/** What it returns is the node's output: JSON; `undefined` is null. */
export type Handler<Input = any, Output = unknown> = (
  input: Input,
  task: Task<Input>,
) => Output | Promise<Output>;

/** Where the worker's own messages go; `console` will do. What is missing is not said. */
export interface Log {
  debug?(text: string): void;
  info?(text: string): void;
  warn?(text: string): void;
  error?(text: string): void;
}

export interface WorkerOptions {
  /** How many functions run at a time, 1 to 1,000; default 32. */
  concurrency?: number;
  /**
   * Seconds after which another worker gets the tasks of one that fell silent, 1 to 3,600; default 15.
   * It beats three times as often, and learns of cancellations then.
   */
  lease?: number;
  /** Seconds that running functions get after SIGTERM; what is left is handed back. Default 30. */
  drainTimeout?: number;
  /**
   * Seconds of work to claim ahead of what runs, by what functions have taken so far; 0: claim only what
   * can begin at once. Default 0.02.
   */
  prefetch?: number;
  /** Unique; made from host and process without one. */
  name?: string;
  /** Default: warnings and errors go to stderr. */
  log?: Log;
  /** For ioredis, such as `tls`. */
  redis?: RedisOptions;
}

/** Executes functions, agents and tools of workflows. */
export class Worker {
  /**
   * @param url of Redis: `redis://` or `rediss://`; the environment's TROUPE_REDIS_URL without one
   * @throws RangeError for options out of their range
   */
  constructor(url?: string, options?: WorkerOptions);
  readonly name: string;
  /**
   * The function for nodes of type `function` with this `function_name`. `queue`: as in the node, if it
   * names one.
   * @throws Error when there is one already
   */
  function<Input = any>(name: string, handler: Handler<Input>, options?: { queue?: string }): this;
  /** The same for nodes of type `agent`. */
  agent<Input = any>(name: string, handler: Handler<Input>, options?: { queue?: string }): this;
  /** The same for nodes of type `tool`. */
  tool<Input = any>(name: string, handler: Handler<Input>, options?: { queue?: string }): this;
  /**
   * Works until SIGTERM or SIGINT (or `stop`), then drains; a second signal ends the waiting. Redis may
   * come later, go and come back. With `signals: false` it leaves signals alone. A function that ignores
   * its `signal` may keep the process after that: call `process.exit()` then.
   */
  run(options?: { signals?: boolean }): Promise<void>;
  /** As SIGTERM does. Nothing when it does not run. */
  stop(): void;
}

// The functions that tests of lib/node run; remote_programs/worker.py has the same. Each execution leaves a line in
// the file MARKS: what happened, run, attempt.
import { openSync, writeSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { TaskError, Worker } from 'troupe';

const { env } = process;
const worker = new Worker(undefined, {
  concurrency: Number(env.CONCURRENCY ?? 32),
  lease: Number(env.LEASE ?? 15),
  drainTimeout: Number(env.DRAIN ?? 30),
  name: env.NAME,
  log: console,
});
const marks = openSync(env.MARKS, 'a', 0o600);
const mark = (what, task) => writeSync(marks, `${what} ${task.runId} ${task.attempt}\n`);

worker.function('hello', (input, task) => {
  mark('hello', task);
  return { hello: input.name, config: task.config, node: task.nodeId, key: task.idempotencyKey };
});

worker.function('hello_async', async (input) => {
  await wait(0);
  return { hello: input.name };
});

worker.agent('writer', async (input, task) => {
  task.usage({ tokens: 800 });
  task.usage({ tokens: 12, cost: 0.25 });
  return `about ${input.topic}`;
});

worker.tool('search', (input) => [input.query, input.query]);

worker.tool('sorter', async (input) => [...input].sort(), { queue: 'gpu' });

worker.function('flaky', (input, task) => {
  mark('flaky', task);
  if (task.attempt < input.until) throw new TaskError('not_yet', `attempt ${task.attempt}`);
  return task.attempt;
});

worker.function('hopeless', async (input, task) => {
  mark('hopeless', task);
  task.usage({ tokens: 5 });
  throw new TaskError('hopeless', 'no use in trying again', { retry: false });
});

worker.function('broken', (input, task) => {
  mark('broken', task);
  return input.no.such.field;
});

worker.function('no_json', (input, task) => {
  mark('no_json', task);
  return { n: 1n };
});

worker.function('big', (input) => 'x'.repeat(input.bytes));

worker.function('long', async (input, task) => {
  mark('began', task);
  try {
    await wait(input.seconds * 1000, undefined, { signal: task.signal });
  } catch (error) {
    mark('cancelled', task);
    throw error;
  }
  mark('ended', task);
  return process.pid;
});

// Does not look whether it is wanted.
worker.function('deaf', async (input, task) => {
  mark('began', task);
  await wait(input.seconds * 1000);
  mark('ended', task);
  return process.pid;
});

worker.function('talks', async (input, task) => {
  for (let step = 1; step < 4; step++) {
    task.progress(step / 4, `step ${step}`);
    task.log('line', step);
    await wait(700);
  }
  task.log('last words');
  return 'said';
});

await worker.run();
process.exit();

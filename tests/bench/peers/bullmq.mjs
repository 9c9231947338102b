// BullMQ with the shapes of troupe bench: node bullmq.mjs REDIS_PORT SHAPE RUNS
// Prints {"steps": N, "seconds": S}: from the first job to all jobs being completed in Redis.
//
//   single      a job each
//   chain-flow  ten jobs, each the parent of the one before: a flow
//   chain-next  ten jobs, each adds the next in its handler
//   fan         a flow: 100 children, their parent, its parent (nothing can stand before 100 children)
//
// Two processes work, as in troupe bench.
import {fork} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {FlowProducer, Queue, Worker} from 'bullmq';

const LENGTH = 10;
const FAN = 100;
const AT_ONCE = 200;
const QUEUE = 'bench';
const [port, shape, count] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const connection = {host: '127.0.0.1', port, maxRetriesPerRequest: null};

function chain(length) {
  let job;
  for (let n = 0; n < length; n++)
    job = {name: 'step', queueName: QUEUE, data: {n}, ...(job ? {children: [job]} : {})};
  return job;
}

function fan() {
  const children = Array.from({length: FAN}, (_, n) => ({name: 'part', queueName: QUEUE, data: {n}}));
  return {name: 'end', queueName: QUEUE, data: {}, children: [{name: 'join', queueName: QUEUE, data: {}, children}]};
}

const shapes = {
  'single': {steps: 1, add: (queue, flows, n) => queue.addBulk(Array.from({length: n}, () => ({name: 'step', data: {n: 1}})))},
  'chain-flow': {steps: LENGTH, add: (queue, flows, n) => flows.addBulk(Array.from({length: n}, () => chain(LENGTH)))},
  'chain-next': {steps: LENGTH, add: (queue, flows, n) => queue.addBulk(Array.from({length: n}, () => ({name: 'next', data: {n: 1}})))},
  'fan': {steps: FAN + 2, add: (queue, flows, n) => flows.addBulk(Array.from({length: n}, fan))},
};

async function work() {
  const queue = new Queue(QUEUE, {connection});
  const worker = new Worker(QUEUE, async job => {
    if (job.name === 'next' && job.data.n < LENGTH)
      await queue.add('next', {n: job.data.n + 1});
    return job.data;
  }, {connection, concurrency: AT_ONCE});
  worker.on('error', error => { console.error(error); process.exit(1); });
  await worker.waitUntilReady();
  process.send('ready');
  process.on('message', async () => {
    await worker.close();
    await queue.close();
    process.exit(0);
  });
}

async function completed(queue) {
  const counts = await queue.getJobCounts('completed', 'failed');
  if (counts.failed > 0)
    throw new Error(`${counts.failed} jobs have failed`);
  return counts.completed;
}

async function measure() {
  const {steps, add} = shapes[shape];
  const workers = [0, 1].map(() => fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), 'work']));
  await Promise.all(workers.map(worker => new Promise((done, fail) => {
    worker.once('message', done);
    worker.once('exit', code => fail(new Error(`a worker ended with ${code}`)));
  })));
  const queue = new Queue(QUEUE, {connection});
  const flows = new FlowProducer({connection});
  const began = process.hrtime.bigint();
  for (let sent = 0; sent < count; sent += AT_ONCE)
    await add(queue, flows, Math.min(AT_ONCE, count - sent));
  while (await completed(queue) < count * steps)
    await new Promise(done => setTimeout(done, 5));
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  console.log(JSON.stringify({steps: count * steps, seconds}));
  const ended = workers.map(worker => new Promise(done => {
    worker.removeAllListeners('exit');
    worker.once('exit', done);
    worker.send('end');
  }));
  await Promise.all([...ended, flows.close(), queue.close()]);
}

await (process.argv[5] === 'work' ? work() : measure());

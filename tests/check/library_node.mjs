// The parts of lib/node that need neither a server nor ioredis; test_library_node.py runs it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, argumentsOf } from '../../lib/node/src/calls.js';
import { TaskError, describe, failureOf } from '../../lib/node/src/errors.js';
import { Lane } from '../../lib/node/src/lane.js';
import { Notes, cut } from '../../lib/node/src/notes.js';
import { Runner } from '../../lib/node/src/runner.js';
import { Job, Task } from '../../lib/node/src/task.js';

const TASK = JSON.stringify({
  run_id: 'r', workflow: 'w', version: 3, node_id: 'n', scope: '', type: 'function', name: 'f', attempt: 2,
  idempotency_key: 'k', input: { a: 1 },
});

function jobIn(lane, number, now = 0) {
  const job = new Job(lane, ['r', String(number), '1', '1'], TASK, now, (j) => lane.noted.set(j.key, j));
  lane.jobs.set(job.key, job);
  return job;
}

const ok = (call, { results, beats, tasks = [], cursor = '5-0' } = {}) => ({
  word: 'ok',
  results: results ?? call.results.map(() => 'ok'),
  beats: beats ?? call.beats.map(() => 'ok'),
  tasks,
  cursor,
});

test('arguments of a call', () => {
  const args = argumentsOf('q', 'w', 1000, 5, [{ claim: ['r', '1', '2', '3'], kind: 'c', body: '{}' }],
    [{ claim: ['s', '4', '5', '6'], progress: '' }]);
  assert.deepEqual(args, ['q', 'w', 1000, 5, 1, 'r', '1', '2', '3', 'c', '{}', 1, 's', '4', '5', '6', '']);
});

test('answers', () => {
  const answer = answerOf(['ok', 17, ['ok', 'stale'], ['gone'], [['r', '1', '2', '3', '{}']], '9-1']);
  assert.deepEqual(answer.tasks, [{ claim: ['r', '1', '2', '3'], text: '{}' }]);
  assert.equal(answer.cursor, '9-1');
  assert.equal(answerOf(['hold']).word, 'hold');
  for (const wrong of [null, [], 'ok', ['ok'], ['what', 1, [], [], [], '0-0']]) {
    assert.throws(() => answerOf(wrong));
  }
});

test('results stay until they are answered', () => {
  const lane = new Lane('q', 0);
  lane.finish(jobIn(lane, 1), 'c', '{}');
  const [first] = lane.calls(0, 0, 5000);
  assert.deepEqual(lane.calls(1, 0, 5000)[0].results, first.results);
  lane.answered(first, { word: 'hold' }, 10);
  assert.equal(lane.nextTime(10, 5000), 210);
  lane.finish(jobIn(lane, 2), 'c', '{}'); // while the call is under way
  lane.answered(first, ok(first), 300);
  assert.deepEqual(lane.results.map(({ claim }) => claim[1]), ['2']);
});

test('a call takes so many results, and so many bytes of them', () => {
  const lane = new Lane('q', 0);
  for (let i = 0; i < 510; i++) lane.finish(jobIn(lane, i), 'c', '{}');
  const [call] = lane.calls(0, 0, 5000);
  assert.equal(call.results.length, 500);
  lane.answered(call, ok(call), 0);
  assert.equal(lane.results.length, 10);
  const large = new Lane('q', 0);
  for (let i = 0; i < 3; i++) large.finish(jobIn(large, i), 'c', 'x'.repeat(3 << 20));
  assert.equal(large.calls(0, 0, 5000)[0].results.length, 1);
});

test('a refused result ends as a failure', () => {
  const lane = new Lane('q', 0);
  lane.finish(jobIn(lane, 1), 'c', '{');
  const [call] = lane.calls(0, 0, 5000);
  lane.answered(call, ok(call, { results: ['bad'] }), 0);
  assert.equal(lane.results[0].kind, 'f');
  assert.equal(JSON.parse(lane.results[0].body).code, 'bad_output');
});

test('beats when they are due', () => {
  const lane = new Lane('q', 0);
  const [early, late] = [jobIn(lane, 1, 0), jobIn(lane, 2, 3000)];
  assert.deepEqual(lane.calls(4999, 0, 5000), []);
  assert.equal(lane.nextTime(4999, 5000), 5000);
  let [call] = lane.calls(5000, 0, 5000);
  assert.deepEqual(call.jobs, [early]);
  assert.deepEqual(lane.answered(call, ok(call), 5000), []);
  [call] = lane.calls(10000, 0, 5000);
  assert.deepEqual(lane.answered(call, ok(call, { beats: ['gone', 'stale'] }), 10000), [early, late]);
  assert.equal(lane.jobs.size, 0);
});

test('many beats are several calls', () => {
  const lane = new Lane('q', 0);
  for (let i = 0; i < 1001; i++) jobIn(lane, i);
  const calls = lane.calls(9000, 3, 5000);
  assert.deepEqual(calls.map(({ beats }) => beats.length), [500, 500, 1]);
  assert.deepEqual(calls.map(({ want }) => want), [0, 0, 3]);
});

test('words go with beats, and before the result', () => {
  const lane = new Lane('q', 0);
  const job = jobIn(lane, 1);
  job.task.progress(0.5, 'half');
  assert.deepEqual(lane.calls(499, 0, 5000), []);
  const [beat] = lane.calls(500, 0, 5000);
  assert.deepEqual(JSON.parse(beat.beats[0].progress), { progress: 0.5, message: 'half' });
  lane.answered(beat, ok(beat), 500);
  assert.equal(lane.noted.size, 0);
  job.task.log('the end', { a: 1 });
  lane.finish(job, 'c', '{}');
  const [words, result] = lane.calls(1000, 0, 5000);
  assert.deepEqual(JSON.parse(words.beats[0].progress), { log: ['the end {"a":1}'] });
  assert.equal(words.results.length + result.beats.length, 0);
  lane.answered(words, ok(words), 1000);
  lane.answered(result, ok(result), 1000);
  assert.deepEqual(lane.calls(1000, 0, 5000), []);
});

test('a lane is asked again while it gives what was wanted', () => {
  const lane = new Lane('q', 0);
  const tasks = [{ claim: ['r', '1', '1', '1'], text: '{}' }];
  let [call] = lane.calls(0, 1, 5000);
  lane.answered(call, ok(call, { tasks, cursor: '7-0' }), 0);
  assert.deepEqual([lane.ready, lane.rung, lane.cursor], [true, false, '7-0']);
  [call] = lane.calls(0, 2, 5000);
  lane.answered(call, ok(call, { tasks }), 0);
  assert.equal(lane.ready, false);
});

test('a task', () => {
  const job = jobIn(new Lane('q', 0), 1);
  const { task } = job;
  assert.deepEqual([task.runId, task.version, task.attempt, task.config, task.timeoutMs], ['r', 3, 2, {}, null]);
  task.usage({ tokens: 1 });
  task.usage({ tokens: 2, cost: 0.5 });
  for (const wrong of [{ a: '1' }, { a: NaN }, { a: 1e16 }, { ['x'.repeat(65)]: 1 },
    Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`m${i}`, 1]))]) {
    assert.throws(() => task.usage(wrong));
  }
  assert.deepEqual(Task.usageOf(task), { tokens: 3, cost: 0.5 });
  const { signal } = task;
  assert.equal(signal.aborted, false);
  job.drop();
  assert.ok(signal.aborted && task.cancelled);
  const late = jobIn(new Lane('q', 0), 2);
  late.drop();
  assert.ok(late.task.signal.aborted);
});

test('bodies of beats are bounded', () => {
  const notes = new Notes();
  for (let i = 0; i < 1005; i++) notes.line(`${i} ${'ä\u0001'.repeat(40)}`);
  const lines = [];
  while (notes.waiting) {
    const body = notes.body();
    assert.ok(Buffer.byteLength(body) <= 4096 && body === notes.body());
    lines.push(...JSON.parse(body).log);
    notes.sent();
  }
  assert.equal(lines.length, 1001);
  assert.equal(lines[0], '(5 lines left out)');
  assert.ok(lines[1].startsWith('5 ') && lines[1000].startsWith('1004 '));
  for (const text of ['a', 'ä', '😀', '\0', '"', '\ud800']) {
    const short = cut(text.repeat(5000), 3000);
    const size = Buffer.byteLength(JSON.stringify(short));
    assert.ok(size <= 3002 && size > 2400, `${text}: ${size}`);
    notes.progress(7, text.repeat(5000));
    notes.line(text.repeat(5000));
    assert.ok(Buffer.byteLength(notes.body()) <= 4096);
    assert.equal(JSON.parse(notes.body()).progress, 1);
    notes.sent();
  }
});

test('failures', () => {
  assert.deepEqual(JSON.parse(failureOf(new TaskError('no', 'why', { retry: false }), { tokens: 5 })),
    { code: 'no', message: 'why', retry: false, usage: { tokens: 5 } });
  const failure = JSON.parse(failureOf(new TypeError('bad')));
  assert.equal(failure.code, 'exception');
  assert.match(failure.message, /^TypeError: bad \(library_node\.mjs:\d+\)$/);
  for (const text of ['x', 'ä', '\ud800', '😀']) {
    const long = describe(new Error(text.repeat(100000)));
    assert.ok(Buffer.byteLength(long) <= 499 && long.endsWith(')'), long);
  }
  assert.equal(describe('text'), 'thrown: text');
  assert.equal(describe(Object.create(null)), 'thrown: what has no text');
});

test('what functions return', async () => {
  const ended = [];
  const handlers = new Map();
  const log = {};
  const runner = new Runner({ handlers, concurrency: 1, log }, (job, kind, body) => ended.push([kind, JSON.parse(body)]));
  for (const handler of [() => 5, () => undefined, async () => ({ a: [1] }), () => () => 1, () => 1n,
    () => { throw new TaskError('c'); }]) {
    handlers.set('function:f', handler);
    runner.start(jobIn(new Lane('q', 0), 1));
    assert.equal(runner.running, 1);
    while (runner.running > 0) await new Promise(setImmediate);
  }
  assert.deepEqual(ended.slice(0, 3), [['c', { output: 5 }], ['c', { output: null }], ['c', { output: { a: [1] } }]]);
  assert.deepEqual(ended.slice(3).map(([kind, { code }]) => [kind, code]),
    [['f', 'bad_output'], ['f', 'bad_output'], ['f', 'c']]);
  handlers.clear();
  runner.start(jobIn(new Lane('q', 0), 1));
  while (runner.running > 0) await new Promise(setImmediate);
  assert.equal(ended.at(-1)[1].code, 'not_served');
});

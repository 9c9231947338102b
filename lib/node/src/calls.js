// The script `tasks`: how it is called, how it answers. Nothing here reads or writes Redis.
//
//   claim   [run, number, incarnation, fence], handed back as it came
//   result  { claim, kind, body }
//   beat    { claim, progress }       progress: JSON text, '' for nothing to say
//   answer  { word, results, beats, tasks, cursor }

export const SCRIPT_KEY = 'troupe:script:tasks';
export const COMPLETED = 'c';
export const FAILED = 'f';
export const HANDED_BACK = 'b';

export const metaKey = (partition) => `troupe:{${partition}}:meta`;
export const streamKey = (partition, queue) => `troupe:{${partition}}:q:${queue}`;
export const keyOf = (claim) => claim.join('|');

/** An answer without anything in it. */
export const empty = (word) => ({ word, results: [], beats: [], tasks: [], cursor: '0-0' });

/** ARGV of one call. */
export function argumentsOf(queue, worker, leaseMs, want, results, beats) {
  const out = [queue, worker, leaseMs, want, results.length];
  for (const { claim, kind, body } of results) out.push(...claim, kind, body);
  out.push(beats.length);
  for (const { claim, progress } of beats) out.push(...claim, progress);
  return out;
}

/** Throws for what is no answer of the script. */
export function answerOf(reply) {
  const word = Array.isArray(reply) ? String(reply[0]) : '';
  if (word === 'hold' || word === 'none') return empty(word);
  if (word !== 'ok' || reply.length < 6) throw new Error('not an answer of the script tasks');
  return {
    word,
    results: reply[2],
    beats: reply[3],
    tasks: reply[4].map((task) => ({ claim: task.slice(0, 4), text: task[4] })),
    cursor: String(reply[5]),
  };
}

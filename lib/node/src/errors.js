// How a function says that it failed.

const CODE_MAX = 63; // bytes that the fleet keeps
const MESSAGE_MAX = 499;

export class TaskError extends Error {
  constructor(code, message = '', { retry = true, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TaskError';
    this.code = String(code);
    this.retry = Boolean(retry);
  }
}

/** The body of the result that what was thrown comes to. */
export function failureOf(error, usage) {
  const what = error instanceof TaskError
    ? { code: cut(error.code, CODE_MAX) || 'error', message: cut(error.message, MESSAGE_MAX), retry: error.retry }
    : { code: 'exception', message: describe(error), retry: true };
  return JSON.stringify({ ...what, usage });
}

/** Class, text and the innermost place: "TypeError: no such thing (score.js:12)". A long text is cut, so
 *  that the place is kept. */
export function describe(error) {
  if (!(error instanceof Error)) {
    try {
      return cut(`thrown: ${String(error)}`, MESSAGE_MAX);
    } catch {
      return 'thrown: what has no text'; // a toString that throws must not end the worker
    }
  }
  const frame = /\n\s+at .*?([^/\\(\s]+?):(\d+):\d+\)?/.exec(String(error.stack ?? ''));
  const place = frame ? cut(` (${frame[1]}:${frame[2]})`, 100) : '';
  return cut(`${error.name}: ${error.message}`, MESSAGE_MAX - Buffer.byteLength(place)) + place;
}

/** So many bytes of UTF-8; halves of surrogate pairs are replaced. */
function cut(text, most) {
  const data = Buffer.from(String(text).slice(0, most), 'utf8');
  if (data.length <= most) return data.toString('utf8');
  return `${data.subarray(0, most - 3).toString('utf8').replace(/\ufffd+$/, '')}…`;
}

// How a function says that it failed.

const MESSAGE_MAX = 8000; // characters; longer messages are cut

export class TaskError extends Error {
  constructor(code, message = '', { retry = true, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TaskError';
    this.code = String(code);
    this.retry = Boolean(retry);
  }
}

/** The body of the result that what was thrown comes to. */
export function failureOf(error) {
  if (error instanceof TaskError) return body(error.code, error.message, error.retry);
  return body('exception', describe(error), true);
}

/** Class, text and the innermost place: "TypeError: no such thing (score.js:12)". */
export function describe(error) {
  if (!(error instanceof Error)) {
    try {
      return `thrown: ${String(error)}`;
    } catch {
      return 'thrown: what has no text'; // a toString that throws must not end the worker
    }
  }
  const frame = /\n\s+at .*?([^/\\(\s]+?):(\d+):\d+\)?/.exec(String(error.stack ?? ''));
  const text = `${error.name}: ${error.message}`.slice(0, MESSAGE_MAX);
  return frame ? `${text} (${frame[1]}:${frame[2]})` : text;
}

function body(code, message, retry) {
  // Halves of surrogate pairs are replaced: a failure must always arrive.
  const whole = (text) => Buffer.from(String(text), 'utf8').toString('utf8');
  return JSON.stringify({
    code: whole(code),
    message: whole(String(message).slice(0, MESSAGE_MAX + 200)),
    retry,
  });
}

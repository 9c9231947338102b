// Workers in JavaScript for troupe: functions that execute the nodes of workflows. The types and what
// they mean are in ../index.d.ts; the protocol is docs/tasks.md of the project.
export { Worker } from './worker.js';
export { TaskError } from './errors.js';

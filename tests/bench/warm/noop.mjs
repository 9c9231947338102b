// A remote worker whose function does nothing.
import process from 'node:process';
import { Worker } from 'troupe';

const worker = new Worker();
worker.function('noop', () => null);
await worker.run();
process.exit();

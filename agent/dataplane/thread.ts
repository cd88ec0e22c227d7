// The thread of a data-plane worker. Node takes as long to start one as main takes to load its
// modules: whoever knows early that there will be a plane has it started ahead, on another core.

import { Worker } from 'node:worker_threads';
import { asset } from './assets.js';

/** A worker is as small as V8 lets it be: it allocates next to nothing. */
const LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

let ahead: Worker | undefined;

/** It waits for its orders, and does not keep the process from ending. */
export function startAhead(): void {
  ahead ??= startWorker();
  ahead.unref();
}

/** The one that was started ahead, or another. Its first message has to be a WorkerStart. */
export function takeWorker(): Worker {
  const worker = ahead ?? startWorker();
  ahead = undefined;
  worker.ref();
  return worker;
}

function startWorker(): Worker {
  return new Worker(asset('worker.js'), { resourceLimits: LIMITS });
}

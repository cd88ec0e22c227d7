// CLOCK_MONOTONIC in milliseconds, the same in every thread. performance.now() reads that clock too
// but counts from the start of its own thread; process.hrtime counts from boot but allocates.

const OFFSET_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export function monotonic(): number {
  return performance.now() + OFFSET_MS;
}

// Waits for the wall clock to be right: a router without one of its own starts somewhere in the
// past, and NTP may be reached a minute later, or only through the tunnel.

const LOOK_MS = 30_000;

/** Calls `onSynchronised` once, at once where it is so already. Returns what ends the waiting. */
export function awaitClock(
  isSynchronised: () => boolean,
  onSynchronised: () => void,
  lookMs = LOOK_MS,
): () => void {
  if (isSynchronised()) {
    onSynchronised();
    return () => {};
  }
  const timer = setInterval(() => {
    if (!isSynchronised()) return;
    clearInterval(timer);
    onSynchronised();
  }, lookMs).unref();
  return () => clearInterval(timer);
}

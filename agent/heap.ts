// How much memory V8 and malloc may keep for themselves, said before anything else is loaded: a
// router has more use for it than we have for rarer collections.
//
// Imports are dynamic here and in main.ts: were they static, the bundler would have other chunks
// import from the entry, which waits for them.

const { keepYoungSmall } = await import('./dataplane/young.js');
keepYoungSmall();

// What runs for long. Other commands are over before it matters, and would pay for loading koffi.
const has = (...names: string[]) => names.some((name) => process.argv.includes(name));

if (has('up', 'wg') && !has('--rehearse')) {
  const { shareArena } = await import('./dataplane/reclaim.js');
  shareArena();
  // `kith wg` without -f leaves the rest to another process.
  if (has('up', '-f', '--foreground') || process.env.WG_PROCESS_FOREGROUND === '1') {
    const { startAhead } = await import('./dataplane/thread.js');
    startAhead();
    keepYoungSmall();
  }
}

export {};

// How much memory V8 and malloc may keep for themselves, said before anything else is loaded: a
// router has more use for it than we have for rarer collections.
//
// Imports are dynamic here and in main.ts: were they static, the bundler would have other chunks
// import from the entry, which waits for them.

const { keepYoungSmall } = await import('./dataplane/young.js');
keepYoungSmall();

// What runs for long. Other commands are over before it matters, and would pay for loading koffi.
const LASTING = ['up', 'wg'];

if (process.argv.some((argument) => LASTING.includes(argument))) {
  const { shareArena } = await import('./dataplane/reclaim.js');
  shareArena();
}

export {};

// Where the worker and the WebAssembly module lie: beside the bundle, or, when this runs from its
// sources, in the folder that `npm run build` fills.

const FOLDER = import.meta.url.endsWith('.ts') ? '../../dist/' : './';

export function asset(name: string): URL {
  return new URL(FOLDER + name, import.meta.url);
}

// Versions of releases: `1.4.0`, `1.5.0-rc.2`. They become names of folders and files, so the form
// is strict; their order is that of Semantic Versioning 2.0.0, section 11.

const FORM =
  /^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(?:-([0-9a-z]+(?:\.[0-9a-z]+)*))?$/;
export const VERSION_LETTERS_MAX = 40; // it is part of names of files

export function isVersion(text: string): boolean {
  return text.length <= VERSION_LETTERS_MAX && FORM.test(text);
}

/** Below 0: `a` is older; above 0: newer. Throws RangeError where one is no version. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf('a', a), partsOf('b', b)];
  for (let i = 0; i < 3; i++) {
    const difference = Number(left.numbers[i]) - Number(right.numbers[i]);
    if (difference !== 0) return difference;
  }
  return comparePre(left.pre, right.pre);
}

function partsOf(name: string, text: string): { numbers: readonly string[]; pre: string[] } {
  const found = isVersion(text) ? FORM.exec(text) : null;
  if (found === null) throw new RangeError(`"${name}" is no version: ${text.slice(0, 64)}`);
  return { numbers: found.slice(1, 4), pre: found[4]?.split('.') ?? [] };
}

/** What has no part behind the hyphen is the finished one, and newer. */
function comparePre(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = comparePart(a[i] ?? '', b[i] ?? '');
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function comparePart(a: string, b: string): number {
  const [left, right] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (left && right) return Number(a) - Number(b);
  if (left !== right) return left ? -1 : 1; // numbers before words
  return a < b ? -1 : a > b ? 1 : 0;
}

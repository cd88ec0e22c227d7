// autoboot.txt of the Raspberry Pi: which partition the firmware starts from, and which one instead
// when it was told to try once ("tryboot"). Read as the firmware reads it: lines of key=value, in
// the sections that apply, the last value wins; 512 bytes at most.
//
//   [all]
//   tryboot_a_b=1
//   boot_partition=2
//   [tryboot]
//   boot_partition=3

export const AUTOBOOT_BYTES_MAX = 512; // one sector: it is written in one piece

export type Autoboot = Readonly<{ all: number; tryboot: number }>;

/** What the firmware would start from; undefined where the file does not say it for both. */
export function readAutoboot(text: string): Autoboot | undefined {
  if (text.length > AUTOBOOT_BYTES_MAX) return undefined;
  const found = { all: 0, tryboot: 0 };
  let twoSlots = false;
  for (const { section, key, value } of settings(text)) {
    if (key === 'tryboot_a_b' && section === 'all') twoSlots = value === '1';
    if (key === 'boot_partition') found[section] = Number(value);
  }
  const usable = twoSlots && found.all > 0 && found.tryboot > 0 && found.all !== found.tryboot;
  return usable ? found : undefined;
}

type Setting = Readonly<{ section: keyof Autoboot; key: string; value: string; at: number }>;

/** Those that count on any board, and where their values stand. */
function* settings(text: string): Generator<Setting> {
  let section = 'all';
  let at = 0;
  for (const line of text.split('\n')) {
    const [, name] = /^\s*\[([^\]]*)\]\s*$/.exec(line) ?? [];
    const [, before = '', key = '', value = ''] =
      /^(\s*([a-z_]+)\s*=\s*)(\d{1,3})\s*$/.exec(line) ?? [];
    if (name !== undefined) section = name;
    else if (key !== '' && (section === 'all' || section === 'tryboot'))
      yield { section, key, value, at: at + before.length };
    at += line.length + 1;
  }
}

/**
 * The same text with the two partitions exchanged and nothing else changed, not even its length;
 * undefined where that cannot be.
 */
export function exchanged(text: string): string | undefined {
  const found = readAutoboot(text);
  if (!found || String(found.all).length !== String(found.tryboot).length) return undefined;
  let result = text;
  for (const { section, key, value, at } of settings(text)) {
    const other = String(section === 'all' ? found.tryboot : found.all);
    if (key === 'boot_partition' && value.length === other.length)
      result = result.slice(0, at) + other + result.slice(at + value.length);
  }
  const after = readAutoboot(result);
  return after?.all === found.tryboot && after.tryboot === found.all ? result : undefined;
}

/** The partition that is started from, as the firmware finds it; undefined: it finds none. */
export function bootPartition(text: string, tryboot: boolean): number | undefined {
  const found = readAutoboot(text);
  return tryboot ? found?.tryboot : found?.all;
}

/** As it is on a new card. */
export function autobootText({ all, tryboot }: Autoboot): string {
  for (const partition of [all, tryboot])
    if (!Number.isInteger(partition) || partition < 1 || partition > 9)
      throw new RangeError(`"partition" is ${partition}`);
  const lines = ['[all]', 'tryboot_a_b=1', `boot_partition=${all}`];
  return [...lines, '[tryboot]', `boot_partition=${tryboot}`, ''].join('\n');
}

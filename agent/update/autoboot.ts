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
  let section = 'all';
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, name] = /^\[([^\]]*)\]$/.exec(line) ?? [];
    if (name !== undefined) {
      section = name;
      continue;
    }
    if (section !== 'all' && section !== 'tryboot') continue; // for other boards, or none
    const [, key, value] = /^([a-z_]+)\s*=\s*(\d{1,3})$/.exec(line) ?? [];
    if (key === 'tryboot_a_b' && section === 'all') twoSlots = value === '1';
    if (key === 'boot_partition') found[section] = Number(value);
  }
  const usable = twoSlots && found.all > 0 && found.tryboot > 0 && found.all !== found.tryboot;
  return usable ? found : undefined;
}

/** The partition that is started from, as the firmware finds it; undefined: it finds none. */
export function bootPartition(text: string, tryboot: boolean): number | undefined {
  const found = readAutoboot(text);
  return tryboot ? found?.tryboot : found?.all;
}

/** Filled up with a comment to the whole sector, so that changing it never changes its length. */
export function autobootText({ all, tryboot }: Autoboot): string {
  for (const partition of [all, tryboot])
    if (!Number.isInteger(partition) || partition < 1 || partition > 99)
      throw new RangeError(`"partition" is ${partition}`);
  const lines = ['[all]', 'tryboot_a_b=1', `boot_partition=${all}`];
  lines.push('[tryboot]', `boot_partition=${tryboot}`, '');
  const text = lines.join('\n');
  return `${text}${'#'.repeat(AUTOBOOT_BYTES_MAX - 1 - text.length)}\n`;
}

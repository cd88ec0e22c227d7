// Modules of a Linux kernel, by what each says of itself in its section .modinfo: which others it
// needs, and which devices it drives. The lists that modprobe reads (modules.dep, modules.alias)
// are made from that, so that no depmod is needed where an image is made.

const NULL = 0;
const FIELD = /^(name|alias|depends|softdep)=([\x20-\x7e]*)$/;

export type KernelModule = Readonly<{
  name: string; // with `_`, as the kernel says it
  path: string; // below lib/modules/VERSION, such as kernel/drivers/net/tun.ko
  bytes: Uint8Array;
  needs: readonly string[]; // loaded before it, of softdep's `pre:` too
  aliases: readonly string[];
}>;

/** `path` ends with .ko and is not packed. */
export function readKernelModule(path: string, bytes: Uint8Array): KernelModule {
  const fields = modinfo(bytes);
  const of = (key: string) => fields.filter(([name]) => name === key).map(([, value]) => value);
  const soft = of('softdep').flatMap(
    (text) => /pre:\s*([^:]*?)(?:\s*post:|$)/.exec(text)?.[1] ?? [],
  );
  const needs = [...of('depends').flatMap((text) => text.split(',')), ...soft.flatMap(words)];
  return {
    name: nameOf(path),
    path,
    bytes,
    needs: [...new Set(needs.filter((name) => name !== '').map(underscored))],
    aliases: of('alias'),
  };
}

/** These and all that they need, each behind its needs. What is built in is left out. */
export function withNeeds(
  wanted: readonly string[],
  all: ReadonlyMap<string, KernelModule>,
): KernelModule[] {
  const found = new Map<string, KernelModule>();
  const seen = new Set<string>();
  const add = (name: string) => {
    if (seen.has(name)) return; // also where two need each other
    seen.add(name);
    const module = all.get(name);
    if (!module) return;
    for (const need of module.needs) add(need);
    found.set(name, module);
  };
  for (const name of wanted) add(underscored(name));
  return [...found.values()];
}

/** modules.dep(5): each path, and behind it all that it needs, what comes first at the end. */
export function dependencyList(modules: readonly KernelModule[]): string {
  const all = new Map(modules.map((module) => [module.name, module]));
  const lines = modules.map((module) => {
    const needs = withNeeds(module.needs, all).reverse();
    return `${module.path}:${needs.map(({ path }) => ` ${path}`).join('')}\n`;
  });
  return lines.sort().join('');
}

/** modules.alias: which module drives what the bus describes. */
export function aliasList(modules: readonly KernelModule[]): string {
  const lines = modules.flatMap(({ name, aliases }) =>
    aliases.map((alias) => `alias ${alias} ${name}\n`),
  );
  return lines.sort().join('');
}

function nameOf(path: string): string {
  return underscored(path.replace(/^.*\//, '').replace(/\.ko$/, ''));
}

function underscored(name: string): string {
  return name.replaceAll('-', '_');
}

function words(text: string): string[] {
  return text.split(/\s+/);
}

/** Zero-terminated `key=value` texts of the ELF section. */
function modinfo(bytes: Uint8Array): [string, string][] {
  const section = sectionOf(bytes, '.modinfo');
  const found: [string, string][] = [];
  for (let start = 0, at = 0; at <= section.length; at++) {
    if (at < section.length && section[at] !== NULL) continue;
    const text = Buffer.from(section.subarray(start, at)).toString('latin1');
    const [, key, value] = FIELD.exec(text) ?? [];
    if (key !== undefined && value !== undefined) found.push([key, value]);
    start = at + 1;
  }
  return found;
}

/** A section of a 64-bit little-endian ELF file (gabi 4.1); empty where it has none. */
function sectionOf(bytes: Uint8Array, name: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 64 || view.getUint32(0) !== 0x7f454c46)
    throw new RangeError('"bytes" is no ELF');
  const headers = Number(view.getBigUint64(40, true));
  const size = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  const namesAt = headers + size * view.getUint16(62, true);
  const place = (header: number) => ({
    name: view.getUint32(header, true),
    start: Number(view.getBigUint64(header + 24, true)),
    length: Number(view.getBigUint64(header + 32, true)),
  });
  const names = place(namesAt);
  for (let index = 0; index < count; index++) {
    const section = place(headers + index * size);
    const at = names.start + section.name;
    const text = Buffer.from(bytes.subarray(at, at + name.length + 1)).toString('latin1');
    if (text === `${name}\0`) return bytes.subarray(section.start, section.start + section.length);
  }
  return new Uint8Array();
}

// IPv4 and IPv6 addresses, prefixes and endpoints.
//
// An address is its canonical text (RFC 5952 for IPv6, a scope as `%3`), so that addresses compare
// with ===, serve as map keys and print without ado. Bytes exist at the edges only.

export type Address = string;
export type Endpoint = Readonly<{ address: Address; port: number }>;
export type Prefix = Readonly<{ address: Address; length: number }>;

/** Which of our addresses a datagram came to, so that the answer can leave from there. */
export type Source = Readonly<{ address: Address; interfaceIndex: number }>;

/**
 * Where a peer is, as a worker needs it: out of which socket slot, to which endpoint, from which
 * of our addresses (null: the kernel chooses), through which relay channel (0: none).
 */
export type Place = Readonly<{
  slot: number;
  endpoint: Endpoint;
  source: Source | null;
  channel: number;
}>;

/** 4 or 6; every Address is one of both. */
export function family(address: Address): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

/** Reads what a person or a peer wrote; undefined where it is no address. */
export function parseAddress(text: string): Address | undefined {
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  if (bytes === undefined) return undefined;
  const scope = /%(\d+)$/.exec(text);
  return formatAddress(bytes, scope ? Number(scope[1]) : 0);
}

/** `address/length`, or an address alone, which is its own prefix. Host bits are cleared. */
export function parsePrefix(text: string): Prefix | undefined {
  const [left = '', right, ...rest] = text.split('/');
  const bytes = left.includes(':') ? parseIpv6(left) : parseIpv4(left);
  if (bytes === undefined || left.includes('%') || rest.length > 0) return undefined;
  const width = 8 * bytes.length;
  if (right !== undefined && !/^\d{1,3}$/.test(right)) return undefined;
  const length = right === undefined ? width : Number(right);
  if (length > width) return undefined;
  maskBytes(bytes, length);
  return { address: formatAddress(bytes), length };
}

export function formatPrefix(prefix: Prefix): string {
  return `${prefix.address}/${prefix.length}`;
}

/** `192.0.2.1:51820` or `[2001:db8::1]:51820`; undefined where it is none. Resolves no names. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (!parts) return undefined;
  const address = parseAddress(parts[1] ?? parts[2] ?? '');
  const port = Number(parts[3]);
  if (address === undefined || port < 1 || port > 65535) return undefined;
  if ((parts[1] !== undefined) !== (family(address) === 6)) return undefined;
  return { address, port };
}

export function formatEndpoint({ address, port }: Endpoint): string {
  return family(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** 4 or 16 bytes, network order; the scope is not among them. Throws on what is no address. */
export function addressBytes(address: Address): Uint8Array {
  const bytes = address.includes(':') ? parseIpv6(address) : parseIpv4(address);
  if (bytes === undefined) throw new RangeError(`"address" is no IP address: ${address}`);
  return bytes;
}

/** The numeric scope (interface index) of a link-local IPv6 address, 0 where there is none. */
export function addressScope(address: Address): number {
  const at = address.indexOf('%');
  return at < 0 ? 0 : Number(address.slice(at + 1));
}

/** Canonical text of 4 or 16 bytes. An IPv4-mapped IPv6 address stays IPv6. */
export function formatAddress(bytes: Uint8Array, scope = 0): Address {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new RangeError(`"bytes" has ${bytes.length} bytes, not 4 or 16`);
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0),
  );
  const text = compress(groups);
  return scope > 0 ? `${text}%${scope}` : text;
}

export function maskAddress(address: Address, length: number): Address {
  const bytes = addressBytes(address);
  maskBytes(bytes, length);
  return formatAddress(bytes);
}

function maskBytes(bytes: Uint8Array, length: number): void {
  for (let i = length >> 3; i < bytes.length; i++) {
    const keep = Math.max(0, length - 8 * i);
    bytes[i] = (bytes[i] ?? 0) & (0xff << (8 - keep));
  }
}

/** Host bits of the prefix are clear, as `parsePrefix` leaves them. */
export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (family(prefix.address) !== family(address)) return false;
  const wanted = addressBytes(prefix.address);
  const bytes = addressBytes(address);
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i++) if (wanted[i] !== bytes[i]) return false;
  const differing = (wanted[whole] ?? 0) ^ (bytes[whole] ?? 0);
  return differing >> (8 - (prefix.length & 7)) === 0;
}

const DOT = 0x2e;
const ZERO = 0x30;

/** One pass over the letters: asked about every address that anybody names. */
function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let parts = 0;
  let value = -1; // no digit yet
  for (let i = 0; i <= text.length; i++) {
    const letter = i < text.length ? text.charCodeAt(i) : DOT;
    if (letter === DOT) {
      if (value < 0 || parts === 4) return undefined;
      bytes[parts++] = value;
      value = -1;
      continue;
    }
    const digit = letter - ZERO;
    if (digit < 0 || digit > 9 || value === 0) return undefined; // no leading zeros
    value = value < 0 ? digit : 10 * value + digit;
    if (value > 255) return undefined;
  }
  return parts === 4 ? bytes : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const bare = text.replace(/%\d{1,9}$/, '');
  if (bare.length > 45 || !/^[0-9a-fA-F:.]+$/.test(bare)) return undefined;
  const halves = bare.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (!head || !tail) return undefined;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 1 ? gap !== 0 : gap < 1) return undefined;
  const groups = [...head, ...new Array<number>(Math.max(0, gap)).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** 16-bit groups between colons; only the very last one may be dotted IPv4. */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      const four = last && i === parts.length - 1 ? parseIpv4(part) : undefined;
      if (!four) return undefined;
      groups.push(((four[0] ?? 0) << 8) | (four[1] ?? 0), ((four[2] ?? 0) << 8) | (four[3] ?? 0));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

/** RFC 5952: lower case, the first longest run of two or more zero groups as `::`. */
function compress(groups: number[]): string {
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > best.length) best = { start: i, length: j - i };
    i = j;
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(':');
  const end = best.start + best.length;
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(end).join(':')}`;
}

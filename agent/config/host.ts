// `host:port` as people write it: unlike an Endpoint, the host may be a name yet to be resolved.

import { type Endpoint, family, parseAddress } from '../bytes/address.js';

export type Host = Readonly<{ host: string; port: number }>;

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** `name:51820`, `192.0.2.1:51820`, `[2001:db8::1]:51820`; undefined where it is none of them. */
export function parseHost(text: string): Host | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (!parts) return undefined;
  const port = Number(parts[3]);
  if (port < 1 || port > 65535) return undefined;
  if (parts[1] !== undefined) {
    const address = parseAddress(parts[1]);
    return address !== undefined && family(address) === 6 ? { host: address, port } : undefined;
  }
  const host = parts[2] ?? '';
  return isHostName(host) || parseAddress(host) !== undefined ? { host, port } : undefined;
}

/**
 * The same with the port left out, as a public address may be given. An IPv6 address needs no
 * brackets.
 */
export function parseHostAlone(text: string): string | undefined {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  return isHostName(text) ? text.toLowerCase() : undefined;
}

/** The endpoint that needs no resolving; undefined where the host is a name. */
export function literalEndpoint({ host, port }: Host): Endpoint | undefined {
  const address = parseAddress(host);
  return address === undefined ? undefined : { address, port };
}

export function formatHost({ host, port }: Host): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * RFC 1123, section 2.1; the last label may not be a number, else it were a broken IPv4 address.
 */
function isHostName(text: string): boolean {
  if (text.length > 253) return false;
  const labels = text.replace(/\.$/, '').split('.');
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
}

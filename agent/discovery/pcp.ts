// Messages of the Port Control Protocol (RFC 6887) and of NAT-PMP before it (RFC 6886): a router
// in front is asked to send one of its UDP ports on to ours. Both are spoken to its port 5351.

import { type Address, addressBytes, formatAddress } from '../bytes/address.js';

export const PCP_PORT = 5351;
const PCP_VERSION = 2;
const PMP_VERSION = 0;
const MAP = 1; // PCP opcode; as NAT-PMP opcode: map UDP
const RESPONSE = 0x80;
const UDP = 17;
const PCP_MAP_BYTES = 60;
const PMP_MAP_BYTES = 16;
const PMP_ADDRESS_BYTES = 12;

export type PortRequest = Readonly<{
  internalPort: number;
  externalPort: number; // suggested; 0: any
  lifetimeS: number; // 0 ends the mapping
}>;

/** What the router answered; `address` comes in another message with NAT-PMP. */
export type PortAnswer = Readonly<
  | { kind: 'mapped'; externalPort: number; lifetimeS: number; address: Address | null }
  | { kind: 'address'; address: Address }
  | { kind: 'refused'; code: number; wrongVersion: boolean }
>;

/** `nonce`: 12 random bytes, the same for each renewal (RFC 6887, section 11.1). */
export function pcpRequest(request: PortRequest, client: Address, nonce: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PCP_MAP_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = PCP_VERSION;
  bytes[1] = MAP;
  view.setUint32(4, request.lifetimeS);
  bytes.set(mapped(client), 8);
  bytes.set(nonce, 24);
  bytes[36] = UDP;
  view.setUint16(40, request.internalPort);
  view.setUint16(42, request.externalPort);
  bytes.set(mapped('0.0.0.0'), 44); // no address suggested, but of this family
  return bytes;
}

export function pmpRequest(request: PortRequest): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  bytes[1] = MAP;
  view.setUint16(4, request.internalPort);
  view.setUint16(6, request.externalPort);
  view.setUint32(8, request.lifetimeS);
  return bytes;
}

/** NAT-PMP only: which address does the router have outside? */
export function pmpAddressRequest(): Uint8Array {
  return new Uint8Array([PMP_VERSION, 0]);
}

/** Undefined: not an answer to what we asked. */
export function readAnswer(
  bytes: Uint8Array,
  asked: Readonly<{ nonce: Uint8Array; internalPort: number }>,
): PortAnswer | undefined {
  if (bytes.length < 4 || (bytes[1] ?? 0) < RESPONSE) return undefined;
  return bytes[0] === PCP_VERSION ? readPcp(bytes, asked) : readPmp(bytes, asked.internalPort);
}

const UNSUPPORTED_VERSION = 1; // in both protocols

function readPcp(
  bytes: Uint8Array,
  asked: Readonly<{ nonce: Uint8Array; internalPort: number }>,
): PortAnswer | undefined {
  const view = viewOf(bytes);
  const code = bytes[3] ?? 0;
  if (bytes[1] !== (RESPONSE | MAP)) return undefined;
  if (code !== 0) return { kind: 'refused', code, wrongVersion: code === UNSUPPORTED_VERSION };
  if (bytes.length < PCP_MAP_BYTES || bytes[36] !== UDP) return undefined;
  if (asked.nonce.some((byte, i) => bytes[24 + i] !== byte)) return undefined;
  if (view.getUint16(40) !== asked.internalPort) return undefined;
  return {
    kind: 'mapped',
    externalPort: view.getUint16(42),
    lifetimeS: view.getUint32(4),
    address: formatAddress(unmapped(bytes.slice(44, 60))),
  };
}

function readPmp(bytes: Uint8Array, internalPort: number): PortAnswer | undefined {
  if (bytes[0] !== PMP_VERSION) return undefined;
  const view = viewOf(bytes);
  const code = view.getUint16(2);
  if (code !== 0) return { kind: 'refused', code, wrongVersion: code === UNSUPPORTED_VERSION };
  if (bytes[1] === RESPONSE && bytes.length >= PMP_ADDRESS_BYTES)
    return { kind: 'address', address: formatAddress(bytes.slice(8, 12)) };
  if (bytes[1] !== (RESPONSE | MAP) || bytes.length < PMP_MAP_BYTES) return undefined;
  if (view.getUint16(8) !== internalPort) return undefined;
  return {
    kind: 'mapped',
    externalPort: view.getUint16(10),
    lifetimeS: view.getUint32(12),
    address: null,
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** PCP writes IPv4 addresses as IPv6 ones (RFC 4291, section 2.5.5.2). */
function mapped(address: Address): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes.length === 16) return bytes;
  const whole = new Uint8Array(16);
  whole.fill(0xff, 10, 12);
  whole.set(bytes, 12);
  return whole;
}

function unmapped(bytes: Uint8Array): Uint8Array {
  const isIpv4 = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  return isIpv4 ? bytes.slice(12) : bytes;
}

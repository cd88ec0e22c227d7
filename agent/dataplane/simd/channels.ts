// Relay channels (wireguard/channel.ts): which are known, and those that we relay.
//
// Leg, 16 bytes: 0 u32 channel, 0 free | 4 u32 member | 8 spare. Numbers below CIRCUIT_LEGS are
// those of circuits: 2n and 2n + 1 make circuit n, the opener's first. The others end here.
//
// Circuit, 32 bytes:
//   0 f64 inner bytes | 8 f64 moment of the last | 16 u32 opener | 20 u32 in RELAYED | 24 spare
//
// Fair between openers: while the common bucket is at least half full, everybody passes. Below that
// each opener lives on its own bucket, which fills with its part of the rate.

import {
  CHANNEL_INDEX,
  CHANNEL_INDEX_MAX,
  CIRCUIT_BYTES,
  CIRCUIT_LEGS,
  CIRCUITS,
  DROP_CHANNEL_LIMIT,
  DROP_CHANNEL_SOURCE,
  DROP_CHANNEL_UNKNOWN,
  LEG_BYTES,
  LEGS,
  LEGS_MAX,
  NOTE_CHANNEL_UNKNOWN,
  PEER_CHANNEL,
  PEER_FRAME_SESSION,
  PEER_NAME_LENGTH,
  RELAYED,
  TAKER_BYTES,
  TAKERS,
  TAKERS_MAX,
} from '../layout';
import { drop, note } from './notes';
import { peerRow } from './tables';
import { joinRelayed } from './train';

const TELL_GAP_MS: f64 = 1_000;
const ACTIVE_MS: f64 = 1_000;

let nextLeg: u32 = CIRCUIT_LEGS; // the oldest of those that end here, once all are taken
let toldAt: f64 = -Infinity;

let rate: f64 = Infinity; // bytes per millisecond
let burst: f64 = Infinity;
let tokens: f64 = Infinity;
let filledAt: f64 = 0;
let countedSince: f64 = 0;
let active: u32 = 0; // openers in this span of ACTIVE_MS
let activeBefore: u32 = 1;

// @ts-ignore: decorator
@inline
function legRow(leg: u32): usize {
  return <usize>LEGS + leg * LEG_BYTES;
}

// @ts-ignore: decorator
@inline
function bucket(channel: u32): u32 {
  return (channel * 0x9e3779b1) >>> 21; // CHANNEL_INDEX_MAX is 2^11
}

/** The leg with this channel, or -1. The index is at most three eighths full. */
export function findLeg(channel: u32): i32 {
  for (let at = bucket(channel), steps = 0; steps < CHANNEL_INDEX_MAX; steps++) {
    const leg = load<u32>(CHANNEL_INDEX + (at << 2));
    if (leg == 0) break;
    if (load<u32>(legRow(leg - 1)) == channel) return leg - 1;
    at = (at + 1) & (CHANNEL_INDEX_MAX - 1);
  }
  return -1;
}

export function channelOf(leg: u32): u32 {
  return load<u32>(legRow(leg));
}

function enter(leg: u32, channel: u32, member: u32): void {
  const row = legRow(leg);
  store<u32>(row, channel);
  store<u32>(row, member, 4);
  index(leg, channel);
}

function index(leg: u32, channel: u32): void {
  let at = bucket(channel);
  while (load<u32>(CHANNEL_INDEX + (at << 2))) at = (at + 1) & (CHANNEL_INDEX_MAX - 1);
  store<u32>(CHANNEL_INDEX + (at << 2), leg + 1);
}

/** Legs go rarely: the index is built anew. */
function leave(leg: u32): void {
  if (channelOf(leg) == 0) return;
  store<u32>(legRow(leg), 0);
  memory.fill(CHANNEL_INDEX, 0, CHANNEL_INDEX_MAX << 2);
  for (let i: u32 = 0; i < <u32>LEGS_MAX; i++) {
    const channel = channelOf(i);
    if (channel) index(i, channel);
  }
}

/** A channel that ends here; where there is no room, the oldest goes. Known: nothing happens. */
export function addLeg(channel: u32): void {
  if (channel == 0 || findLeg(channel) >= 0) return;
  leave(nextLeg);
  enter(nextLeg, channel, 0);
  if (++nextLeg == <u32>LEGS_MAX) nextLeg = CIRCUIT_LEGS;
}

export function removeLeg(channel: u32): void {
  const leg = findLeg(channel);
  if (leg >= CIRCUIT_LEGS) leave(leg);
}

/** False: one of the channels is taken. */
export function openCircuit(
  circuit: u32,
  opener: u32,
  openerChannel: u32,
  other: u32,
  otherChannel: u32,
): bool {
  closeCircuit(circuit);
  if (findLeg(openerChannel) >= 0 || findLeg(otherChannel) >= 0) return false;
  enter(circuit << 1, openerChannel, opener);
  enter((circuit << 1) | 1, otherChannel, other);
  store<u32>(circuitRow(circuit), opener, 16);
  return true;
}

export function closeCircuit(circuit: u32): void {
  leave(circuit << 1);
  leave((circuit << 1) | 1);
  const row = circuitRow(circuit);
  store<f64>(row, 0);
  store<f64>(row, 0, 8);
}

// @ts-ignore: decorator
@inline
function circuitRow(circuit: u32): usize {
  return <usize>CIRCUITS + circuit * CIRCUIT_BYTES;
}

/** What came on the leg of a circuit, header and all, goes on to the other member as it is. */
export function relay(leg: u32, at: usize, bytes: u32, now: f64): void {
  const onward = legRow(leg ^ 1);
  const target = peerRow(load<u32>(onward, 4));
  if (!isMet(target) || load<u32>(target, PEER_CHANNEL)) return drop(DROP_CHANNEL_SOURCE);
  const circuit = circuitRow(leg >> 1);
  if (!admit(load<u32>(circuit, 16), bytes - 8, now)) return drop(DROP_CHANNEL_LIMIT);
  store<u32>(at, load<u32>(onward), 4);
  if (!joinRelayed(target, at, bytes)) return drop(DROP_CHANNEL_LIMIT);
  store<f64>(circuit, load<f64>(circuit) + <f64>(bytes - 8));
  store<f64>(circuit, now, 8);
  if (load<u32>(circuit, 20)) return;
  store<u32>(circuit, 1, 20);
  const count = load<u32>(RELAYED) + 1;
  store<u32>(RELAYED, count);
  store<u32>(RELAYED + (count << 2), leg >> 1);
}

/** The row of the member whose leg this is; 0: it is not met. */
export function memberOf(leg: u32): usize {
  const member = peerRow(load<u32>(legRow(leg), 4));
  return isMet(member) ? member : 0;
}

// @ts-ignore: decorator
@inline
function isMet(member: usize): bool {
  return load<u32>(member, PEER_FRAME_SESSION) != 0 && load<u8>(member, PEER_NAME_LENGTH) != 0;
}

/** A channel that is none, or not theirs: dropped, and now and then main is told. */
export function refuse(reason: u32, channel: u32, where: u32, now: f64): void {
  drop(reason);
  if (now - toldAt < TELL_GAP_MS) return;
  toldAt = now;
  note(NOTE_CHANNEL_UNKNOWN, channel, where);
}

/** What all circuits together may carry: bytes per second, and at once. */
export function setShare(bytesPerSecond: f64, atOnce: f64, now: f64): void {
  rate = bytesPerSecond / 1_000;
  burst = tokens = atOnce;
  filledAt = now;
  memory.fill(TAKERS, 0, TAKERS_MAX * TAKER_BYTES);
}

function admit(opener: u32, bytes: u32, now: f64): bool {
  if (rate == Infinity) return true;
  if (now - countedSince >= ACTIVE_MS) {
    activeBefore = active;
    active = 0;
    countedSince = now;
  }
  const taker = <usize>TAKERS + (opener % TAKERS_MAX) * TAKER_BYTES;
  const last = load<f64>(taker, 8);
  if (active == 0 || last < countedSince) active++;
  const part = 1 / <f64>max(max(active, activeBefore), 1);
  tokens = min(burst, tokens + rate * (now - filledAt));
  filledAt = now;
  let own = min(burst * part, load<f64>(taker) + rate * part * (now - last));
  const passes = tokens >= <f64>bytes && (own >= <f64>bytes || tokens >= burst / 2);
  if (passes) {
    tokens -= <f64>bytes;
    own = max(0, own - <f64>bytes);
  }
  store<f64>(taker, own);
  store<f64>(taker, now, 8);
  return passes;
}

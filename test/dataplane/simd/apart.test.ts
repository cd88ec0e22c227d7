import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newWorkbench, ROOM } from '../engines/workbench.js';

const { wasm, packets } = newWorkbench();
const { bytes } = packets;
const TAG_AT = 512; // in the room
const ROOM_BYTES = 512 + 16 + 64 * 48;
const LENGTHS = [0, 1, 15, 16, 17, 31, 32, 1_420];
const AROUND = 64;

/** Fills the surroundings with what must come back; gives the offset of the text. */
function lay(length: number): number {
  const text = ROOM + AROUND + (length % 13);
  for (let at = ROOM; at < text + length + AROUND; at++) bytes[at] = (at * 37 + 5) & 0xff;
  return text;
}

const hex = (from: number, end: number) => Buffer.from(bytes.subarray(from, end)).toString('hex');

const apart = suite('dataplane/simd/apart');

for (const length of LENGTHS) {
  apart(`${length} bytes: padded, and the lengths behind (RFC 8439, section 2.8)`, () => {
    const text = lay(length);
    const before = hex(ROOM, text + length);
    const hashed = wasm.layLengths(text, length);
    const padding = (16 - (length % 16)) % 16;
    assert.is(hashed, length + padding + 16);
    const lengths = Buffer.alloc(16);
    lengths.writeBigUInt64LE(BigInt(length), 8);
    const want = Buffer.concat([Buffer.alloc(padding), lengths]).toString('hex');
    assert.is(hex(text + length, text + hashed), want);
    assert.is(hex(ROOM, text + length), before);
  });

  apart(`${length} bytes: what lay behind the tag's place comes back, the tag stays`, () => {
    const text = lay(length);
    const end = text + length;
    const behind = hex(end + 16, end + AROUND);
    wasm.layLengths(text, length);
    bytes.fill(0xee, end, end + 16);
    wasm.putBack(text, length);
    assert.is(hex(end, end + 16), 'ee'.repeat(16));
    assert.is(hex(end + 16, end + AROUND), behind);
  });

  apart(`${length} bytes: all comes back, and every bit of the tag counts`, () => {
    const text = lay(length);
    const end = text + length;
    const all = hex(ROOM, end + AROUND);
    const tag = wasm.roomApart() + TAG_AT;
    const check = (): number => {
      wasm.layLengths(text, length);
      const good = wasm.isAuthentic(text, length);
      assert.is(hex(ROOM, end + AROUND), all);
      return good;
    };
    bytes.copyWithin(tag, end, end + 16);
    assert.is(check(), 1);
    for (let bit = 0; bit < 128; bit++) {
      bytes[tag + (bit >> 3)]! ^= 1 << (bit & 7);
      assert.is(check(), 0, `bit ${bit}`);
      bytes[tag + (bit >> 3)]! ^= 1 << (bit & 7);
    }
  });
}

apart('the room is aligned as vectors like it, and wiping clears all of it', () => {
  const room = wasm.roomApart();
  assert.is(room % 64, 0);
  bytes.fill(0xff, room, room + ROOM_BYTES);
  const text = lay(20);
  wasm.layLengths(text, 20);
  wasm.wipeApart();
  assert.is(hex(room, room + ROOM_BYTES), '00'.repeat(ROOM_BYTES));
  wasm.putBack(text, 20); // what was saved is gone too
  assert.is(hex(text + 36, text + 52), '00'.repeat(16));
});

apart.run();

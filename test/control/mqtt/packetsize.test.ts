import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PacketSize } from '../../../agent/control/mqtt/packetsize.js';

/** A packet of any type with so many bytes after its length. */
function packet(length: number): Uint8Array {
  const header = [0x30];
  for (let rest = length; ; ) {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    header.push(rest > 0 ? low | 0x80 : low);
    if (rest === 0) break;
  }
  return Buffer.concat([Buffer.from(header), Buffer.alloc(length, 0xff)]);
}

const size = suite('control/mqtt/packetsize');

size('packets up to the limit pass, in whatever pieces they come', () => {
  const stream = Buffer.concat([0, 1, 127, 128, 16_383, 16_384, 20_000, 2].map(packet));
  for (const step of [1, 2, 3, 7, 1000, stream.length]) {
    const guard = new PacketSize(20_000);
    for (let at = 0; at < stream.length; at += step)
      assert.ok(guard.see(stream.subarray(at, at + step)), `${step} at ${at}`);
  }
});

size('one byte more does not, as soon as its length is known', () => {
  const large = packet(20_001);
  const guard = new PacketSize(20_000);
  assert.ok(guard.see(large.subarray(0, 3)));
  assert.not.ok(guard.see(large.subarray(3, 4)));
});

size('a length of more than four bytes is none', () => {
  assert.not.ok(new PacketSize(2 ** 28).see(Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80, 1)));
});

size.run();

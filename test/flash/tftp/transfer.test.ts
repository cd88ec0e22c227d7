// A transfer by hand, packet by packet, with times; and packets that are none.

import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readPacket } from '../../../flash/tftp/packets.js';
import { refusal, Transfer } from '../../../flash/tftp/transfer.js';

const FILE = randomBytes(1300);
const file = (bytes: Uint8Array) => ({
  size: bytes.length,
  read: (at: number, length: number) => bytes.subarray(at, at + length),
});

function request(options: Record<string, string> = {}, mode = 'octet') {
  const words = ['image.bin', mode, ...Object.entries(options).flat()];
  const packet = readPacket(
    Buffer.concat([Buffer.from([0, 1]), Buffer.from(`${words.join('\0')}\0`)]),
  );
  if (packet?.kind !== 'read') throw new Error('no request');
  return packet;
}

const ack = (block: number) => ({ kind: 'ack', block }) as const;
const blockOf = (packet: Uint8Array | undefined) => packet && Buffer.from(packet).readUInt16BE(2);

const tftp = suite('flash/tftp/transfer');

tftp('without options: blocks of 512, the last one short', () => {
  const transfer = new Transfer(file(FILE), request(), 0);
  const got: Uint8Array[] = [];
  let packet: Uint8Array | undefined = transfer.start();
  for (let block = 1; packet; block++) {
    assert.is(Buffer.from(packet).readUInt32BE(0), 0x30000 + block);
    got.push(packet.subarray(4));
    packet = transfer.take(ack(block), 0);
  }
  assert.equal(
    got.map(({ length }) => length),
    [512, 512, 276],
  );
  assert.ok(Buffer.concat(got).equals(FILE));
  assert.equal([transfer.state, transfer.acknowledged], ['done', 1300]);
});

tftp('a file that ends with a block ends with an empty one', () => {
  const transfer = new Transfer(file(FILE.subarray(0, 1024)), request(), 0);
  transfer.take(ack(1), 0);
  assert.is(transfer.take(ack(2), 0)?.length, 4);
  transfer.take(ack(3), 0);
  assert.is(transfer.state, 'done');
});

tftp('options: what we know is agreed to, the rest is left out', () => {
  const asked = { tsize: '0', BLKSIZE: '700', timeout: '3', windowsize: '8', blksize2: '1' };
  const transfer = new Transfer(file(FILE), request(asked), 0);
  const text = Buffer.from(transfer.start()).toString('latin1');
  assert.is(text, '\0\x06tsize\x001300\0blksize\x00700\0timeout\x003\0');
  assert.is(transfer.deadline(), 3_000);
  assert.is(transfer.take(ack(0), 0)?.length, 704);
  for (const bad of ['4', 'x', '-1', ''])
    assert.is(blockOf(new Transfer(file(FILE), request({ blksize: bad }), 0).start()), 1);
  const large = new Transfer(file(FILE), request({ blksize: '99999' }), 0);
  assert.ok(Buffer.from(large.start()).includes('blksize\x0065464\0'));
});

tftp('an ACK that comes twice sends nothing twice; a block that is lost comes again', () => {
  const transfer = new Transfer(file(FILE), request(), 0);
  assert.is(blockOf(transfer.take(ack(1), 100)), 2);
  assert.is(transfer.take(ack(1), 110), undefined);
  assert.is(transfer.take(ack(7), 110), undefined);
  assert.is(transfer.tick(1_099), undefined);
  assert.is(blockOf(transfer.tick(1_100)), 2);
  assert.is(transfer.acknowledged, 512);
});

tftp('silence, and a client that gives up', () => {
  const silent = new Transfer(file(FILE), request(), 0);
  let ticks = 0;
  for (let due = silent.deadline(); due !== undefined; due = silent.deadline()) {
    silent.tick(due);
    ticks++;
  }
  assert.equal([silent.state, silent.error, ticks], ['failed', 'it went silent', 13]);
  const nearly = new Transfer(file(FILE.subarray(0, 9)), request(), 0);
  for (let due = nearly.deadline(); due !== undefined; due = nearly.deadline()) nearly.tick(due);
  assert.match(nearly.error, /all of it was sent, but its last word/);
  const rude = new Transfer(file(FILE), request(), 0);
  const error = readPacket(Buffer.from('\0\x05\0\x03disk\x1bfull\0', 'latin1'));
  assert.ok(error);
  rude.take(error!, 0);
  assert.equal([rude.state, rude.error], ['failed', 'it gave up: disk?full']);
});

tftp('block numbers begin anew behind 65535', () => {
  const zeros = { size: 8 * 70_000, read: (_at: number, length: number) => new Uint8Array(length) };
  const transfer = new Transfer(zeros, request({ blksize: '8' }), 0);
  let packet: Uint8Array | undefined = transfer.start();
  let sent = 0;
  for (let block = 0; packet; block++) {
    packet = transfer.take(ack(block & 0xffff), 0);
    sent++;
  }
  assert.equal([transfer.state, sent], ['done', 70_002]);
});

tftp('what is refused, and what is nothing', () => {
  const code = (packet: Uint8Array | undefined) => packet && Buffer.from(packet).readUInt16BE(2);
  assert.is(code(refusal({ kind: 'write' }, undefined)), 2);
  assert.is(code(refusal(request({}, 'mail'), undefined)), 4);
  assert.is(code(refusal(request(), 'other.bin')), 1);
  assert.is(refusal(request(), 'image.bin'), undefined);
  for (let i = 0; i < 20_000; i++) {
    const bytes = randomBytes(i % 40);
    if (bytes.length > 2 && i % 2) bytes.writeUInt16BE(1 + (i % 6), 0);
    readPacket(bytes);
  }
});

tftp.run();

// The far end of machine mode, byte by byte: noise, answers to others, silence, a cable that is
// pulled.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, decode, encode } from '../../../agent/bytes/cbor.js';
import { Failure } from '../../../agent/commands/failure.js';
import { encodeSlip, SlipReader } from '../../../agent/control/console/slip.js';
import { RouterLine } from '../../../flash/provision/line.js';

const frame = (fields: Record<string, Cbor>) => encodeSlip(encode(new Map(Object.entries(fields))));

/** A router that answers each request by `answer`, in pieces of one byte. */
function lineTo(answer: (id: number, command: string) => Uint8Array[]) {
  const stop = new AbortController();
  const reader = new SlipReader();
  const feed = (bytes: Uint8Array) => {
    for (const byte of bytes) line.feed(Uint8Array.of(byte));
  };
  const line = new RouterLine((bytes) => {
    if (Buffer.from(bytes).includes('\x1b_kith\x1b\\'))
      return setImmediate(() => feed(frame({ kith: '0.1.0', name: 'hut', login: false })));
    return reader.read(bytes, (one) => {
      const request = decode(one) as ReadonlyMap<string, Cbor>;
      const answers = answer(Number(request.get('id')), String(request.get('command')));
      setImmediate(() => answers.forEach(feed));
    });
  }, stop.signal);
  return { line, stop };
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((failed: unknown) => failed);
  assert.instance(error, Failure);
  return (error as Failure).message;
}

const line = suite('flash/provision/line');

line('hello, and an answer among noise and answers to others', async () => {
  const { line } = lineTo((id) => [
    Buffer.from('kernel: eth0 up\r\n\xc0\xc0', 'latin1'),
    frame({ id: id + 1, result: 'not ours' }),
    frame({ id, result: new Map([['mesh', null as Cbor]]) }),
  ]);
  assert.equal(await line.enter(2_000), { kith: '0.1.0', name: 'hut', login: false });
  assert.equal(await line.ask('status', {}, 2_000), { mesh: null });
});

line('an error is said without control characters', async () => {
  const { line } = lineTo((id) => [frame({ id, error: 'no\x1b[2J such\nthing' })]);
  assert.is(await failure(line.ask('x', {}, 2_000)), 'no [2J such thing');
});

line('silence, a cable that is pulled, Ctrl-C', async () => {
  const { line, stop } = lineTo(() => []);
  assert.match(await failure(line.ask('status', {}, 50)), /no answer to status within 0\.05 s/);
  setImmediate(() => line.cut());
  assert.is(await failure(line.ask('status', {}, 2_000)), 'the cable was pulled');
  setImmediate(() => stop.abort());
  assert.is(await failure(line.ask('status', {}, 2_000)), 'stopped');
  const silent = new RouterLine(() => {}, new AbortController().signal);
  assert.is(await silent.enter(50), undefined);
});

line.run();

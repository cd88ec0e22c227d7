// SLIP as RFC 1055 draws it, and requests of machine mode that come through it.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, decode, encode } from '../../../agent/bytes/cbor.js';
import {
  type Answer,
  MachineMode,
  type Request,
  requestOf,
} from '../../../agent/control/console/machine.js';
import { encodeSlip, FRAME_MAX, SlipReader } from '../../../agent/control/console/slip.js';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

function framesOf(...pieces: Uint8Array[]): { frames: Uint8Array[]; reader: SlipReader } {
  const reader = new SlipReader();
  const frames: Uint8Array[] = [];
  for (const piece of pieces) reader.read(piece, (frame) => frames.push(frame));
  return { frames, reader };
}

const slip = suite('control/console/slip');

slip('as the RFC writes it', () => {
  assert.equal(encodeSlip(bytes('01 c0 db 02')), bytes('c0 01 db dc db dd 02 c0'));
});

slip('what was written is read, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(600), (frame, cut) => {
      const line = encodeSlip(frame);
      assert.equal(framesOf(line.subarray(0, cut), line.subarray(cut)).frames, [frame]);
    }),
  );
});

slip('wrong escapes and frames without end are dropped, and the next is read', () => {
  const good = encodeSlip(bytes('05'));
  assert.equal(framesOf(bytes('01 db 02 c0'), good).frames, [bytes('05')]);
  assert.equal(framesOf(bytes('01 db c0'), good).frames, [bytes('05')]);
  const { frames, reader } = framesOf(new Uint8Array(10 * FRAME_MAX).fill(1), good);
  assert.equal(frames, [bytes('05')]);
  assert.is(reader.dropped, 1);
});

slip.run();

const machine = suite('control/console/machine');

class Tool {
  readonly asked: Request[] = [];
  readonly answers: Cbor[] = [];
  private readonly reader = new SlipReader(2 ** 21);
  answer: (request: Request) => Answer | Promise<Answer> = () => ({ result: null });
  readonly mode = new MachineMode({
    hello: { kith: '1.2.3', name: 'cabin', login: false },
    run: async (request) => {
      this.asked.push(request);
      return this.answer(request);
    },
    write: (line) =>
      this.reader.read(line, (frame) => this.answers.push(decode(frame) ?? 'no CBOR')),
  });

  ask(value: Cbor): boolean {
    return this.mode.read(encodeSlip(encode(value)));
  }
}

const tick = () => new Promise((resolve) => setImmediate(resolve));
const request = (id: number | string, command: string, given?: Cbor) =>
  new Map<string, Cbor>([
    ['id', id],
    ['command', command],
    ...(given === undefined ? [] : ([['arguments', given]] as const)),
  ]);

machine('says hello, and answers with the id that was given', async () => {
  const tool = new Tool();
  tool.answer = () => ({ result: { port: 7, rttMs: 0.5, nothing: undefined, list: [true, null] } });
  assert.ok(tool.ask(request('a', 'config get', new Map([['path', 'listen']]))));
  await tick();
  assert.equal(tool.asked, [{ id: 'a', command: 'config get', given: { path: 'listen' } }]);
  const [hello, answer] = tool.answers;
  assert.equal(
    hello,
    new Map<string, Cbor>([
      ['kith', '1.2.3'],
      ['name', 'cabin'],
      ['login', false],
    ]),
  );
  assert.ok(answer instanceof Map);
  assert.equal(
    answer.get('result'),
    new Map<string, Cbor>([
      ['list', [true, null]],
      ['port', 7],
      ['rttMs', '0.5'],
    ]),
  );
});

machine('what is no request is counted and not answered', async () => {
  const tool = new Tool();
  for (const wrong of [
    1,
    'status',
    [],
    new Map(),
    request(1, 'x'.repeat(65)),
    new Map([['id', 1]]),
  ])
    assert.not.ok(tool.ask(wrong));
  assert.not.ok(tool.ask(request(1, 'status', 5)));
  assert.not.ok(tool.ask(tool.answers[0] ?? null), 'its own words, as a looped cable brings them');
  await tick();
  assert.is(tool.answers.length, 1);
  assert.is(tool.mode.dropped, 8);
});

machine('one after the other, and not more than can wait', async () => {
  const tool = new Tool();
  let go = () => {};
  tool.answer = () => new Promise((resolve) => (go = () => resolve({ result: null })));
  for (let id = 0; id < 20; id++) tool.ask(request(id, 'status'));
  await tick();
  assert.is(tool.asked.length, 1);
  assert.is(tool.answers.length, 1 + 3, 'hello, and three refusals');
  for (let id = 0; id < 17; id++) {
    go();
    await tick();
  }
  assert.is(tool.asked.length, 17);
  assert.is(tool.answers.length, 1 + 20);
});

machine('a result that has no place in a frame is an error', async () => {
  const tool = new Tool();
  let deep: unknown = 1;
  for (let i = 0; i < 20; i++) deep = [deep];
  for (const result of [deep, 'x'.repeat(2 ** 20)]) {
    tool.answer = () => ({ result });
    tool.ask(request(1, 'status'));
    await tick();
    const last = tool.answers.at(-1);
    assert.match(String(last instanceof Map && last.get('error')), /too large, or too deep/);
  }
});

machine('noise is never a request', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4000 }), (noise) => {
      const tool = new Tool();
      assert.not.ok(tool.mode.read(noise));
      assert.is(tool.answers.length, 1);
    }),
  );
});

machine('any CBOR is read as a request or not, and nothing is thrown', () => {
  const leaf = fc.oneof(
    fc.integer(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
  );
  const { value } = fc.letrec<{ value: Cbor }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf as fc.Arbitrary<Cbor>,
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .array(fc.tuple(fc.constantFrom('id', 'command', 'arguments', '__proto__'), tie('value')))
        .map((entries) => new Map(entries)),
    ),
  }));
  fc.assert(
    fc.property(value, (one) => {
      const found = requestOf(one);
      if (found) assert.type(found.command, 'string');
      if (found) assert.is(Object.getPrototypeOf(found.given), Object.prototype);
    }),
  );
});

machine.run();

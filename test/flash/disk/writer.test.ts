// The writer over a medium that fails: whatever happens, what is half-done boots nothing, and is
// not called done.

import { createHash, randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../agent/commands/failure.js';
import { BLOCK, Writer } from '../../../flash/disk/writer.js';
import { type Faults, FaultyMedium } from './faulty.js';

const IMAGE = randomBytes(5 * BLOCK + 700); // its last sector is not whole
const SIZE = 8 * BLOCK;

async function* pieces(image: Uint8Array, length = 70_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < image.length; at += length) yield image.subarray(at, at + length);
}

function writerOf(
  medium: FaultyMedium,
  more: { image?: AsyncIterable<Uint8Array>; verify?: boolean } = {},
) {
  const stop = new AbortController();
  const phases: string[] = [];
  const writer = new Writer({
    image: pieces(IMAGE),
    medium,
    stop: stop.signal,
    verify: true,
    check: () => {},
    onProgress: (phase) => void phases.push(phase),
    ...more,
  });
  return { writer, stop, phases };
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  return assert.unreachable('it was called done') as never;
}

const isCleared = (medium: FaultyMedium) =>
  medium.bytes.subarray(0, BLOCK).every((byte) => byte === 0);

const writer = suite('flash/disk/writer');

writer(
  'the image is there, its first block came last, and the rest of the medium is as it was',
  async () => {
    const medium = new FaultyMedium(SIZE);
    const { writer, phases } = writerOf(medium);
    const written = await writer.run();
    assert.equal(written, {
      bytes: IMAGE.length,
      kept: 0,
      sha256: createHash('sha256').update(IMAGE).digest('hex'),
    });
    assert.ok(Buffer.from(medium.bytes.subarray(0, IMAGE.length)).equals(IMAGE));
    const whole = Math.ceil(IMAGE.length / 512) * 512;
    assert.ok(
      medium.bytes.subarray(IMAGE.length, whole).every((byte) => byte === 0),
      'padded',
    );
    assert.ok(
      medium.bytes.subarray(whole).every((byte) => byte === 0xee),
      'not a byte more',
    );
    assert.is(medium.reads, 1 + 6, 'one look at what is there, and all of it back');
    assert.equal(medium.order, [0, BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, 5 * BLOCK, 0]);
    assert.equal(new Set(phases), new Set(['write', 'verify']));
  },
);

writer('an image of less than a block, and one of none', async () => {
  const medium = new FaultyMedium(SIZE);
  await writerOf(medium, { image: pieces(IMAGE.subarray(0, 1000)) }).writer.run();
  assert.ok(Buffer.from(medium.bytes.subarray(0, 1000)).equals(IMAGE.subarray(0, 1000)));
  const other = new FaultyMedium(SIZE);
  const { writer } = writerOf(other, { image: pieces(new Uint8Array(0)) });
  assert.match(await failure(writer.run()), /empty/);
  assert.ok(writer.untouched);
  assert.is(other.written, 0);
});

writer('a medium that takes a little at a time gets all of it', async () => {
  const medium = new FaultyMedium(SIZE, { writeMax: 100_000 });
  await writerOf(medium).writer.run();
  assert.ok(Buffer.from(medium.bytes.subarray(0, IMAGE.length)).equals(IMAGE));
});

const broken: Array<[string, Faults, RegExp]> = [
  ['takes nothing more', { writeMax: 0 }, /it takes nothing at 0 B/],
  ['is full', { writeFails: { from: 3 * BLOCK, code: 'ENOSPC' } }, /it is full/],
  [
    'a bad place',
    { writeFails: { from: 3 * BLOCK, code: 'EIO' } },
    /cannot write .* bad or counterfeit/,
  ],
  ['removed', { removedAfter: 3 * BLOCK }, /it was removed/],
  ['a bad read-back', { forgets: 4 * BLOCK + 17 }, /does not give back .* 4.0 MiB from its start/],
  ['the last byte forgotten', { forgets: IMAGE.length - 1 }, /does not give back .* 5.0 MiB/],
  ['cannot be read', { readFails: { from: 2 * BLOCK, code: 'EIO' } }, /cannot read back/],
];

for (const [name, faults, message] of broken) {
  writer(`${name}: a clear message, and the first block is not there`, async () => {
    const medium = new FaultyMedium(SIZE, faults);
    const { writer } = writerOf(medium);
    assert.match(await failure(writer.run()), message);
    assert.not(writer.untouched);
    if (faults.writeMax !== 0) assert.ok(isCleared(medium));
    assert.not(Buffer.from(medium.bytes.subarray(0, BLOCK)).equals(IMAGE.subarray(0, BLOCK)));
  });
}

writer('a first block that is not given back is taken away again', async () => {
  const medium = new FaultyMedium(SIZE, { forgets: 446 }, 0);
  assert.ok(IMAGE[446] !== 0 || IMAGE.fill(7, 446, 447));
  assert.match(await failure(writerOf(medium).writer.run()), /does not give back/);
  assert.ok(isCleared(medium));
});

writer('an image that is larger than it said is refused in the middle', async () => {
  const medium = new FaultyMedium(4 * BLOCK);
  assert.match(await failure(writerOf(medium).writer.run()), /too small: it has 4.0 MiB/);
  assert.ok(isCleared(medium));
});

writer('an image with a wrong sum never gets its first block', async () => {
  const medium = new FaultyMedium(SIZE);
  const check = () => {
    throw new Failure('not that');
  };
  const { writer } = writerOf(medium, { check } as object);
  assert.match(await failure(writer.run()), /not that/);
  assert.ok(isCleared(medium));
});

writer('an image that breaks off before anything was written leaves all as it was', async () => {
  async function* torn(): AsyncGenerator<Uint8Array> {
    yield IMAGE.subarray(0, BLOCK + 5);
    throw new Failure('torn');
  }
  const medium = new FaultyMedium(SIZE);
  const { writer } = writerOf(medium, { image: torn() });
  assert.is(await failure(writer.run()), 'torn');
  assert.ok(writer.untouched);
  assert.is(medium.written, 0);
});

writer('stopped, and then the same again: what is there is not written twice', async () => {
  const medium = new FaultyMedium(SIZE);
  const first = writerOf(medium);
  async function* stopping(): AsyncGenerator<Uint8Array> {
    yield IMAGE.subarray(0, 4 * BLOCK);
    first.stop.abort();
    yield IMAGE.subarray(4 * BLOCK);
  }
  const stopped = new Writer({ ...optionsOf(first, medium), image: stopping() });
  assert.is(await failure(stopped.run()), 'stopped');
  assert.ok(isCleared(medium));
  const before = medium.written;
  const second = writerOf(medium);
  const { kept } = await second.writer.run();
  assert.is(kept, 3 * BLOCK);
  assert.ok(medium.written - before < 5 * BLOCK, 'first twice, and two more');
  assert.ok(Buffer.from(medium.bytes.subarray(0, IMAGE.length)).equals(IMAGE));
  assert.equal([...new Set(second.phases)], ['compare', 'write', 'verify']);
});

function optionsOf({ stop }: { stop: AbortController }, medium: FaultyMedium) {
  return { medium, stop: stop.signal, verify: true, check: () => {}, onProgress: () => {} };
}

writer.run();

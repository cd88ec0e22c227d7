import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { transformSync } from 'esbuild';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  formatAddress,
  formatPrefix,
  maskAddress,
  type Prefix,
  prefixContains,
} from '../../agent/bytes/address.js';
import { AllowedIps } from '../../agent/dataplane/allowedips.js';
import { TrieReader } from '../../agent/dataplane/trie.js';
import { numbers } from './random.js';

const allowedips = suite('dataplane/allowedips');

/** The same with a list and no cleverness. */
class Twin {
  private rows: { prefix: Prefix; peer: number }[] = [];

  add(prefix: Prefix, peer: number): void {
    const row = this.rows.find((one) => formatPrefix(one.prefix) === formatPrefix(prefix));
    if (row?.peer === peer) return;
    if (row) this.rows.splice(this.rows.indexOf(row), 1);
    this.rows.push({ prefix, peer });
  }

  remove(prefix: Prefix, peer: number): boolean {
    const at = this.rows.findIndex(
      (one) => one.peer === peer && formatPrefix(one.prefix) === formatPrefix(prefix),
    );
    if (at >= 0) this.rows.splice(at, 1);
    return at >= 0;
  }

  removePeer(peer: number): void {
    this.rows = this.rows.filter((one) => one.peer !== peer);
  }

  lookup(address: string): number | undefined {
    const over = this.rows.filter(({ prefix }) => prefixContains(prefix, address));
    return over.sort((a, b) => b.prefix.length - a.prefix.length)[0]?.peer;
  }

  over({ address, length }: Prefix): { peer: number; length: number } | undefined {
    const all = this.rows.filter(
      ({ prefix }) => prefix.length <= length && prefixContains(prefix, address),
    );
    const [first] = all.sort((a, b) => b.prefix.length - a.prefix.length);
    return first && { peer: first.peer, length: first.prefix.length };
  }

  list(peer: number): Prefix[] {
    return this.rows.filter((one) => one.peer === peer).map(({ prefix }) => prefix);
  }

  get size(): number {
    return this.rows.length;
  }
}

// Few distinct bits, so that prefixes nest, fork and meet again.
const address = fc
  .tuple(
    fc.boolean(),
    fc.array(fc.constantFrom(0, 1, 0x80, 0xc0, 0xff), { minLength: 16, maxLength: 16 }),
  )
  .map(([v6, bytes]) => formatAddress(Uint8Array.from(bytes.slice(0, v6 ? 16 : 4))));
// Few prefixes too, so that the same ones are added, moved and removed again.
const prefix = fc
  .tuple(fc.boolean(), fc.constantFrom(0, 0x40, 0x80, 0xc0, 0xff), fc.constantFrom(0, 1, 0xff))
  .chain(([v6, high, low]) =>
    fc.constantFrom(0, 1, 2, 3, 8, 9, 15, 16, v6 ? 128 : 32).map((length) => {
      const text = formatAddress(Uint8Array.from([high, low, ...new Array(v6 ? 14 : 2).fill(0)]));
      return { address: maskAddress(text, length), length };
    }),
  );
const peer = fc.nat(4);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), prefix, peer }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), prefix, peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removePeer' as const), peer }) },
);

allowedips('agrees with a list, whatever is added, moved and removed', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.array(address, { maxLength: 20 }),
      (steps, asked) => {
        const trie = new AllowedIps();
        const twin = new Twin();
        for (const one of steps) {
          if (one.do === 'add') {
            trie.add(one.prefix, one.peer);
            twin.add(one.prefix, one.peer);
          } else if (one.do === 'remove') {
            assert.is(trie.remove(one.prefix, one.peer), twin.remove(one.prefix, one.peer));
          } else {
            trie.removePeer(one.peer);
            twin.removePeer(one.peer);
          }
        }
        assert.is(trie.size, twin.size);
        for (let p = 0; p <= 4; p++) assert.equal(trie.list(p), twin.list(p));
        const all = steps.flatMap((one) => ('prefix' in one ? [one.prefix.address] : []));
        for (const one of [...asked, ...all]) assert.is(trie.lookup(one), twin.lookup(one), one);
        const prefixes = steps.flatMap((one) => ('prefix' in one ? [one.prefix] : []));
        for (const one of prefixes) assert.equal(trie.over(one), twin.over(one));
      },
    ),
    { numRuns: 500 },
  );
});

allowedips('the default routes of both families, and their whole addresses', () => {
  const trie = new AllowedIps();
  assert.is(trie.lookup('192.0.2.1'), undefined);
  trie.add({ address: '0.0.0.0', length: 0 }, 1);
  assert.is(trie.lookup('192.0.2.1'), 1);
  assert.is(trie.lookup('2001:db8::1'), undefined);
  trie.add({ address: '::', length: 0 }, 2);
  trie.add({ address: '2001:db8::1', length: 128 }, 3);
  assert.is(trie.lookup('2001:db8::1'), 3);
  assert.is(trie.lookup('2001:db8::2'), 2);
});

allowedips('130,000 prefixes fit into 24 MiB, and the room of removed ones is used again', () => {
  const trie = new AllowedIps();
  const fill = () => {
    for (let i = 0; i < 65_000; i++) {
      trie.add({ address: `${1 + (i >> 8)}.${i & 255}.0.0`, length: 16 }, 0);
      trie.add(
        {
          address: `${(1 + (i >> 8)).toString(16)}::${(i & 255).toString(16)}`.replace('::0', '::'),
          length: 128,
        },
        0,
      );
    }
  };
  fill();
  assert.is(trie.size, 130_000);
  assert.ok(trie.buffer.byteLength <= 24 * 2 ** 20, `${trie.buffer.byteLength} bytes`);
  const { buffer } = trie;
  trie.removePeer(0);
  assert.is(trie.size, 0);
  fill();
  assert.is(trie.buffer, buffer);
  assert.is(trie.list(0).length, 130_000);
});

allowedips('forks go with the prefixes that made them', () => {
  const trie = new AllowedIps();
  const { buffer } = trie;
  for (let i = 0; i < 5_000; i++) {
    const pair = [1, 254].map((n) => ({ address: `10.${i >> 8}.${i & 255}.${n}`, length: 32 }));
    for (const one of pair) trie.add(one, 0);
    for (const one of pair) trie.remove(one, 0);
  }
  assert.is(trie.buffer, buffer, 'it has not grown');
});

allowedips('a node is not used again while a reader may stand on it', () => {
  const trie = new AllowedIps();
  const reader = new TrieReader(trie.buffer, 0);
  const words = new Int32Array(trie.buffer);
  const old = { address: '10.1.2.3', length: 32 };
  trie.add(old, 1);
  const at = words.indexOf(0x0a010203);
  reader.enter();
  trie.remove(old, 1);
  trie.add({ address: '10.9.9.9', length: 32 }, 2);
  assert.is(words[at], 0x0a010203, 'as the reader may still see it');
  reader.leave();
  reader.enter();
  trie.add({ address: '192.0.2.1', length: 32 }, 2);
  assert.is.not(words[at], 0x0a010203, 'used again by now');
  reader.leave();
});

// Reads without a pause, and tells each answer that can never have been right: peer 1 always has
// 10.0.0.0/8, and only odd peers ever have a prefix below it.
const READER = `
  import { workerData, parentPort } from 'node:worker_threads';
  const reader = new TrieReader(workerData.buffer, 0);
  const stop = new Int32Array(workerData.stop);
  const key = new Uint8Array(4);
  let asked = 0, wrong = 0;
  parentPort.postMessage('up');
  while (!Atomics.load(stop, 0)) {
    reader.enter();
    for (let i = 0; i < 100; i++) {
      key[0] = 10; key[1] = asked & 7; key[2] = asked >> 3; key[3] = 1;
      const peer = reader.lookup(key, 0, false);
      if ((peer & 1) === 0 || peer < 0) wrong++;
      asked++;
    }
    reader.leave();
  }
  parentPort.postMessage({ asked, wrong });
`;

allowedips('a reader in another thread never sees what was never true', async () => {
  const trie = new AllowedIps();
  for (let i = 0; i < 5_000; i++)
    trie.add({ address: `172.16.${i & 255}.${i >> 8}`, length: 32 }, 2);
  trie.removePeer(2); // grown for all that follows
  trie.add({ address: '10.0.0.0', length: 8 }, 1);
  const stop = new SharedArrayBuffer(4);
  const workerData = {
    buffer: trie.buffer,
    stop,
  };
  const trieSource = new URL('../../agent/dataplane/trie.ts', import.meta.url);
  const { code } = transformSync(readFileSync(trieSource, 'utf8'), { loader: 'ts' });
  const source = new URL(`data:text/javascript,${encodeURIComponent(code + READER)}`);
  const worker = new Worker(source, { workerData });
  await once(worker, 'message');
  const end = performance.now() + 700;
  const random = numbers(1);
  while (performance.now() < end) {
    const length = 9 + (random() % 24);
    const one = { address: maskAddress(`10.${random() & 7}.${random() & 15}.1`, length), length };
    if (random() % 2) trie.add(one, 3 + 2 * (random() % 3));
    else for (const odd of [3, 5, 7]) trie.remove(one, odd);
  }
  Atomics.store(new Int32Array(stop), 0, 1);
  const [{ asked, wrong }] = await once(worker, 'message');
  assert.ok(asked > 1_000, `${asked} look-ups`);
  assert.is(wrong, 0);
  assert.is(trie.buffer, workerData.buffer, 'the reader had the buffer that was written');
});

allowedips.run();

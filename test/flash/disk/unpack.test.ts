// needs: xz-utils, zstd
// Images packed by the real programs, whole, damaged and cut off; and fetched from a server that
// breaks off.

import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../agent/commands/failure.js';
import { openSource } from '../../../flash/disk/source.js';
import { compressionOf, zstdSize } from '../../../flash/disk/unpack.js';
import { temporaryFolder } from '../../control/program.js';

const IMAGE = Buffer.concat([randomBytes(600_000), Buffer.alloc(700_000), randomBytes(33)]);
const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const packed = (program: string, ...args: string[]) =>
  spawnSync(program, ['-c', ...args], { input: IMAGE, maxBuffer: 2 ** 24 }).stdout;
const FORMS: Array<[string, Buffer, number | undefined]> = [
  ['a.img', IMAGE, IMAGE.length],
  ['a.gz', gzipSync(IMAGE), undefined],
  ['a.xz', packed('xz', '-1', '--check=sha256', '--x86', '--lzma2'), IMAGE.length],
  ['a.zst', packed('zstd', '-3'), undefined], // of a pipe it does not know the size
];
for (const [name, bytes] of FORMS) writeFileSync(path(name), bytes);

async function read(where: string, stop = new AbortController().signal): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await openSource(where, stop)).image) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  return assert.unreachable('it did not fail') as never;
}

const unpack = suite('flash/disk/unpack');

for (const [name, bytes, size] of FORMS) {
  unpack(`${name}: what was packed, its size, both sums`, async () => {
    const source = await openSource(path(name), new AbortController().signal);
    assert.is(source.size, size);
    const pieces: Uint8Array[] = [];
    for await (const piece of source.image) pieces.push(piece);
    assert.ok(Buffer.concat(pieces).equals(IMAGE));
    assert.is(source.sha256(), createHash('sha256').update(bytes).digest('hex'));
    assert.equal(source.taken(), { bytes: bytes.length, total: bytes.length });
  });

  if (name === 'a.img') continue;
  unpack(`${name}: damaged, and cut off`, async () => {
    const bad = Buffer.from(bytes);
    bad.fill(0x55, 300_000, 300_032);
    writeFileSync(path(`bad-${name}`), bad);
    assert.match(await failure(read(path(`bad-${name}`))), /damaged: fetch it again/);
    writeFileSync(path(`cut-${name}`), bytes.subarray(0, 400_000));
    assert.match(await failure(read(path(`cut-${name}`))), /cut off: fetch it again/);
  });
}

unpack('a zstd file knows its size', async () => {
  spawnSync('zstd', ['-q', path('a.img'), '-o', path('b.zst')]);
  const source = await openSource(path('b.zst'), new AbortController().signal);
  assert.is(source.size, IMAGE.length);
  assert.is(zstdSize(Buffer.from('28b52ffd', 'hex')), undefined);
});

unpack('what is no image', async () => {
  assert.throws(() => compressionOf(Buffer.from('PK\x03\x04....')), /zip/);
  assert.throws(() => compressionOf(Buffer.from('BZh9')), /bunzip2/);
  assert.is(compressionOf(new Uint8Array(0)), 'none');
  assert.match(await failure(read('/nowhere/x.img')), /no file/);
  assert.match(await failure(read('/dev')), /no file/);
});

/** Serves IMAGE, and breaks off after `each` bytes. */
async function server(
  each: number,
  changes = false,
): Promise<{ url: string; asked: string[]; server: Server }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.range ?? 'whole');
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (request.url !== '/a.img') {
      response.writeHead(404).end();
      return;
    }
    const rest = IMAGE.subarray(from);
    const ranged = from > 0 && !changes;
    response.writeHead(ranged ? 206 : 200, { 'content-length': rest.length, etag: '"1"' });
    response.write(rest.subarray(0, each), () => {
      if (rest.length > each) setTimeout(() => response.destroy(), 20);
      else response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked, server };
}

unpack('a download goes on where the line broke', async () => {
  const { url, asked, server: one } = await server(700_000);
  assert.ok((await read(`${url}/a.img`)).equals(IMAGE));
  assert.is(asked.length, 2);
  assert.match(asked[1]!, /^bytes=[1-9]\d*-$/);
  assert.match(await failure(read(`${url}/b.img`)), /the server says 404/);
  one.close();
});

unpack('a file that changed on the server is not glued together; nobody there', async () => {
  const { url, server: one } = await server(700_000, true);
  assert.match(await failure(read(`${url}/a.img`)), /changed/);
  one.closeAllConnections();
  await new Promise((resolve) => one.close(resolve));
  assert.match(await failure(read(`${url}/a.img`)), /cannot fetch .*ECONNREFUSED/);
});

unpack.run();

// What members give one another, over real sockets: 127.0.0.1 and ::1 stand for the overlay.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArchiveFolder } from '../../agent/update/archive.js';
import { download } from '../../agent/update/download.js';
import { archiveName, CHUNK_BYTES, hashName } from '../../agent/update/manifest.js';
import { ReleaseServer, type ServerOptions } from '../../agent/update/server.js';
import { Neighbours } from '../../agent/update/sources.js';
import { publish, scratch, TARGET } from './release.js';

const PORT = 20_000 + (process.pid % 20_000);
const HERE = { name: 'anna', address: '::1' };
const folder = scratch();
const archives = join(folder, 'archives');
const neighbours = new Neighbours(PORT, 1_000);
const { signal } = new AbortController();
let server: ReleaseServer | undefined;
let member: string | undefined = 'ben';
const seen: string[] = [];
const reached: string[] = [];

const servers = suite('update/server');

servers.before.each(async () => {
  seen.length = 0;
  reached.length = 0;
  member = 'ben';
  const options: ServerOptions = {
    address: '::1',
    port: PORT,
    folder: () => archives,
    memberAt: (address) => (address === '::1' ? member : undefined),
    release: () => ({ version: '0.2.0', confirmed: true }),
    manifest: () => Buffer.from('signed'),
    onReached: (name) => seen.push(name),
    reach: async (address) => {
      reached.push(address);
    },
  };
  server = new ReleaseServer(options);
  await server.listen();
});

servers.after.each(() => server?.stop());
servers.after(() => rmSync(folder, { recursive: true }));

servers('an archive goes from one member to another', async () => {
  const manifest = await publish(folder, '0.2.0', { load: 2 * CHUNK_BYTES });
  const [target] = manifest.targets;
  assert.ok(target);
  const from = join(folder, archiveName('0.2.0', TARGET));
  mkdirSync(archives);
  const bytes = readFileSync(from);
  writeFileSync(join(archives, `${hashName(target)}.chunks`), readFileSync(`${from}.chunks`));
  assert.equal(await neighbours.sources([HERE], target, signal), [], 'not whole yet');
  writeFileSync(join(archives, `${hashName(target)}.tar.gz`), bytes);
  assert.equal(await neighbours.release(HERE, signal), {
    version: '0.2.0',
    confirmed: true,
    archives: [hashName(target)],
  });
  const sources = await neighbours.sources([HERE], target, signal);
  assert.is(sources.length, 1);
  const into = new ArchiveFolder(join(folder, 'into'));
  const options = { folder: into, target, sources, signal, onProgress: () => {}, log: () => {} };
  await download(options);
  assert.ok(readFileSync(into.whole(target)).equals(bytes));
  const part = await get(`/archive/${hashName(target)}`, { range: `bytes=${CHUNK_BYTES}-` });
  assert.equal([part.status, part.bytes], [206, bytes.length - CHUNK_BYTES]);
  const beyond = await get(`/archive/${hashName(target)}`, { range: `bytes=${bytes.length}-` });
  assert.is(beyond.status, 416);
});

servers('nothing for strangers, whatever they ask', async () => {
  member = undefined;
  for (const path of ['/release', '/manifest', '/reach', `/archive/${'0'.repeat(64)}`])
    assert.is((await get(path)).status, 403, path);
  assert.equal([seen, reached], [[], []]);
  assert.is(await neighbours.release(HERE, signal), undefined);
});

servers('nothing but what it names', async () => {
  const paths = ['/', '/archive', '/archive/../../etc/passwd', `/archive/${'f'.repeat(64)}`];
  for (const path of [...paths, '/chunks/..', '/nonsense', `/release/${'0'.repeat(63)}`])
    assert.is((await get(path)).status, 404, path);
  assert.is((await get('/release', {}, 'POST')).status, 403);
});

servers('announcements, knocking, and who came', async () => {
  const [manifest] = await neighbours.manifests([HERE], signal);
  assert.is(Buffer.from(manifest ?? []).toString(), 'signed');
  await neighbours.knock(HERE, signal);
  assert.equal(reached, ['::1']);
  await neighbours.reach('::1', signal);
  assert.equal(seen, ['ben', 'ben', 'ben']);
});

servers('few connections at a time, and none that says nothing for long', async () => {
  const open = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const socket = connect(PORT, '::1');
      const ended = new Promise<boolean>((resolve) => {
        socket.on('close', () => resolve(true)).on('error', () => resolve(true));
        setTimeout(() => resolve(false), 300);
      });
      return { socket, ended: await ended };
    }),
  );
  for (const { socket } of open) socket.destroy();
  assert.is(open.filter(({ ended }) => ended).length, 4, 'eight are held');
});

servers('nobody answers: no news', async () => {
  server?.stop();
  assert.is(await neighbours.release(HERE, signal), undefined);
  assert.equal(await neighbours.manifests([HERE, HERE], signal), []);
});

function get(path: string, headers = {}, method = 'GET') {
  return new Promise<{ status: number; bytes: number }>((resolve, reject) => {
    const options = { host: '::1', port: PORT, path, headers, method, agent: false };
    const asked = request(options, (response) => {
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

servers.run();

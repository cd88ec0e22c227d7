// Archives from real web servers over real sockets.

import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArchiveDamaged, ArchiveFolder, checkedArchive } from '../../agent/update/archive.js';
import { download, type Source } from '../../agent/update/download.js';
import { FetchFailure, fetchSmall } from '../../agent/update/http.js';
import { archiveName, CHUNK_BYTES, type Target } from '../../agent/update/manifest.js';
import { publish, scratch, TARGET } from './release.js';
import { type Manners, WebServer } from './webserver.js';

const LOAD = 3 * CHUNK_BYTES + 1_000;
const published = scratch();
const NAME = archiveName('0.2.0', TARGET);
const servers: WebServer[] = [];
const folders: string[] = [published];
let target: Target;
let archive: Buffer;

const downloads = suite('update/download');

downloads.before(async () => {
  const { targets } = await publish(published, '0.2.0', { load: LOAD });
  const [first] = targets;
  assert.ok(first);
  target = first;
  archive = readFileSync(join(published, NAME));
});

downloads.after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

downloads.after.each(() => {
  for (const server of servers.splice(0)) server.stop();
});

async function server(manners: Manners = {}): Promise<WebServer> {
  const made = await new WebServer(published).start();
  made.manners = manners;
  servers.push(made);
  return made;
}

function sourceOf({ url }: WebServer, name = 'server'): Source {
  return { name, archive: `${url}/${NAME}`, chunks: `${url}/${NAME}.chunks` };
}

type Run = { folder: ArchiveFolder; log: string[]; failure: string | undefined; bytes: number };

async function run(
  sources: readonly WebServer[],
  { folder = new ArchiveFolder(scratch()), signal = new AbortController().signal } = {},
): Promise<Run> {
  if (!folders.includes(folder.path)) folders.push(folder.path);
  const log: string[] = [];
  let bytes = 0;
  let failure: string | undefined;
  try {
    await download({
      folder,
      target,
      sources: sources.map((one, i) => sourceOf(one, `server${i}`)),
      signal,
      stallMs: 300,
      onProgress: (now) => {
        bytes = now;
      },
      log: (line) => log.push(line),
    });
  } catch (error) {
    assert.instance(error, FetchFailure);
    failure = (error as Error).message;
  }
  if (failure === undefined) assert.ok(readFileSync(folder.whole(target)).equals(archive));
  else assert.not.ok(folder.isWhole(target));
  return { folder, log, failure, bytes };
}

downloads('at once', async () => {
  const { failure, bytes, folder } = await run([await server()]);
  assert.is(failure, undefined);
  assert.is(bytes, archive.length);
  assert.is((await run([], { folder })).failure, undefined, 'it is there already');
});

downloads('a connection that breaks again and again goes on where it broke', async () => {
  const here = await server({ breakAfter: 100_000 });
  const { failure, log } = await run([here]);
  assert.is(failure, undefined, log.join());
  const asked = here.requests.filter((line) => line.startsWith(`/${NAME} bytes`));
  assert.ok(asked.length >= 7, `${asked.length}`);
  const offsets = asked.map((line) => Number(/bytes=(\d+)/.exec(line)?.[1]));
  assert.equal(
    offsets,
    [...offsets].sort((a, b) => a - b),
  );
  assert.ok((offsets[0] ?? 0) >= 60_000, 'inside of a chunk');
});

downloads('a server that knows no ranges', async () => {
  const half = await server({ breakAfter: 300_000 });
  half.manners.ranges = false;
  const { failure, folder, log } = await run([half]);
  assert.match(failure ?? '', /ends too early|aborted/, log.join());
  const whole = await server({ ranges: false });
  assert.is((await run([whole], { folder })).failure, undefined);
});

downloads('silence ends, and the next source is asked', async () => {
  const silent = await server({ stallAfter: 0 });
  const good = await server();
  const { failure, log } = await run([silent, good]);
  assert.is(failure, undefined);
  assert.match(log.join('\n'), /server0: .*silent for 0\.3 s/);
  silent.manners.stallAfter = 400_000;
  assert.is((await run([silent])).failure, undefined, 'one that gives something is asked on');
});

downloads('an altered chunk is not stored, whoever sent it is not asked again', async () => {
  const liar = await server({ alter: CHUNK_BYTES + 5 });
  const { failure, folder } = await run([liar]);
  assert.match(failure ?? '', /altered at byte 262144/);
  assert.is(folder.held(target), CHUNK_BYTES, 'what was right before stays');
  const both = await run([liar, await server()], { folder });
  assert.is(both.failure, undefined);
  assert.match(both.log.join(), /server0: .*altered/);
});

downloads('a chunk file that was not signed', async () => {
  const folder = scratch();
  folders.push(folder);
  writeFileSync(join(folder, NAME), archive);
  const chunks = readFileSync(join(published, `${NAME}.chunks`));
  chunks[0] = (chunks[0] ?? 0) ^ 1;
  writeFileSync(join(folder, `${NAME}.chunks`), chunks);
  const liar = await new WebServer(folder).start();
  servers.push(liar);
  assert.match((await run([liar])).failure ?? '', /is not what was signed/);
});

downloads('nobody there, nothing there, an error', async () => {
  const { url } = await server();
  servers.pop()?.stop();
  assert.match((await run([{ url } as WebServer])).failure ?? '', /ECONNREFUSED/);
  assert.match((await run([await server({ status: 500 })])).failure ?? '', /answers with 500/);
  assert.match((await run([])).failure ?? '', /nobody offers/);
});

downloads('after a restart it goes on; what the disk forgot is fetched again', async () => {
  const first = await run([await server({ alter: 3 * CHUNK_BYTES + 1 })]);
  assert.is(first.folder.held(target), 3 * CHUNK_BYTES);
  const half = first.folder.half(target);
  const bytes = readFileSync(half);
  bytes[CHUNK_BYTES + 7] = (bytes[CHUNK_BYTES + 7] ?? 0) ^ 1;
  writeFileSync(half, bytes);
  truncateSync(half, 3 * CHUNK_BYTES - 5);
  const good = await server();
  assert.is((await run([good], { folder: first.folder })).failure, undefined);
  assert.equal(good.requests, [`/${NAME} bytes=${CHUNK_BYTES}-`]);
});

downloads('another release takes the place of a half one', async () => {
  const first = await run([await server({ alter: 3 * CHUNK_BYTES + 1 })]);
  const other = { ...target, chunks: new Uint8Array(32) };
  first.folder.begin(other, new Uint8Array(0));
  assert.is(first.folder.held(target), 0);
});

downloads('called off in the middle', async () => {
  const stop = new AbortController();
  const silent = await server({ stallAfter: 300_000 });
  setTimeout(() => stop.abort(), 100);
  const { failure, log } = await run([silent, await server()], { signal: stop.signal });
  assert.match(failure ?? '', /abort/);
  assert.equal(log, [], 'no other source is asked then');
});

downloads('redirects are followed, not for ever, and never out of TLS', async () => {
  const there = await server();
  const { signal } = new AbortController();
  const here = await server({ redirect: there.url });
  assert.is((await run([here])).failure, undefined);
  here.manners.redirect = here.url;
  assert.match((await run([here])).failure ?? '', /redirects too often/);
  for (const url of ['ftp://localhost/x', 'file:///etc/passwd', 'nonsense'])
    await fetchSmall(url, 10, { signal }).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /is no http/),
    );
});

downloads('a small file that is not small', async () => {
  const { url } = await server();
  const { signal } = new AbortController();
  await fetchSmall(`${url}/${NAME}`, 1_000, { signal }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /larger than 1000/),
  );
});

downloads('a whole archive that decays is not laid down', async () => {
  const { folder } = await run([await server()]);
  const path = folder.whole(target);
  const chunks = folder.chunks(target);
  assert.ok(chunks && existsSync(path));
  const read = async () => {
    let length = 0;
    for await (const piece of checkedArchive(path, target, chunks)) length += piece.length;
    return length;
  };
  assert.is(await read(), archive.length);
  const bytes = Buffer.from(archive);
  bytes[archive.length - 1] = (bytes[archive.length - 1] ?? 0) ^ 1;
  for (const wrong of [bytes, archive.subarray(0, 2 * CHUNK_BYTES), archive.subarray(0, -1)]) {
    writeFileSync(path, wrong);
    await read().then(
      () => assert.unreachable(),
      (error: unknown) => assert.instance(error, ArchiveDamaged),
    );
  }
  mkdirSync(folder.path, { recursive: true });
});

downloads.run();

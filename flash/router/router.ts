// `kith flash router`.

import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '../../agent/commands/failure.js';
import { formatBytes } from '../../agent/commands/table.js';
import { SETUP_VERSION, type Setup } from '../../board/setupfile.js';
import { type Program, STOPPED, type Stage } from '../command.js';
import { wantedSetup } from '../inject/inject.js';
import { Secrets } from '../inject/secrets.js';
import { Progress } from '../progress.js';
import { choose, type Row, readList } from './choose.js';
import { type PackageTool, type Probe, probe } from './probe.js';
import { Remote } from './ssh.js';

export type RouterGiven = Readonly<{
  host: string;
  packages: string;
  invite?: string;
  settings?: string;
  port?: number;
  identity?: string;
  dryRun: boolean;
}>;

const HEALTHY_MS = 60_000; // a slow router starts Node in ten seconds
const LOOK_MS = 1_000;

export const router: Program<RouterGiven> = {
  async run(given, stage) {
    const { host, invite, settings, port, identity } = given;
    const secrets = new Secrets(() => stage.readInput());
    const asked = { target: '', ...(invite === undefined ? {} : { invite }) };
    const setup = await wantedSetup(
      settings === undefined ? asked : { ...asked, settings },
      secrets,
    );
    const rows = readList(given.packages);
    const alone = stage.json || process.stdin.isTTY !== true;
    const remote = new Remote({ host, port, identity, alone, stop: stage.stop });
    try {
      return await install(remote, rows, setup, given, stage);
    } catch (error) {
      if (!stage.stop.aborted) throw error;
      stage.error('Stopped.\n');
      return STOPPED;
    } finally {
      await remote.close();
    }
  },
};

async function install(
  remote: Remote,
  rows: readonly Row[],
  setup: Partial<Setup>,
  { packages, dryRun }: RouterGiven,
  stage: Stage,
): Promise<number> {
  const say = teller(stage);
  const found = await probe(remote);
  say(`${remote.host}: ${describe(found)}`, { step: 'found', ...found });
  const chosen = choose(found, rows);
  const names = chosen.map(({ file, bytes }) => `${file} (${formatBytes(bytes)})`);
  say(`To install: ${names.join(', ')}`, { step: 'chosen', files: chosen.map(({ file }) => file) });
  if (dryRun) return 0;
  const folder = (await remote.must('making a folder', 'mktemp -d /tmp/kith.XXXXXX')).trim();
  if (!/^\/tmp\/kith\.\w+$/.test(folder)) throw new Failure(`${remote.host}: mktemp is no mktemp`);
  try {
    for (const row of chosen) await upload(remote, packages, folder, row, stage);
    say('Installing …', { step: 'install' });
    const files = chosen.map(({ file }) => `${folder}/${file}`).join(' ');
    await remote.must('installing', INSTALL[found.manager ?? 'dpkg'](files));
  } finally {
    await remote.run(`rm -rf ${folder}`).catch(() => {}); // the connection may be gone
  }
  const [version] = chosen.map((row) => row.version);
  await waitUntilHealthy(remote, stage);
  if (Object.keys(setup).length > 0) {
    const text = JSON.stringify({ version: SETUP_VERSION, ...setup });
    await remote.must('setting it up', 'kith provision -', Buffer.from(text));
  }
  const { name, member } = await waitUntilHealthy(remote, stage);
  const next = member
    ? `See \`ssh ${remote.host} kith peers\`.`
    : `Next, from an admin's node: kith invite NAME | ssh ${remote.host} kith join -`;
  say(`Done: ${name} runs kith ${version}. ${next}`, { done: true, name, version, inMesh: member });
  return 0;
}

/** Where a dependency is missing, the feeds may have it. */
const INSTALL: Readonly<Record<PackageTool, (files: string) => string>> = {
  opkg: (files) => `opkg install ${files} || { opkg update && opkg install ${files}; }`,
  apk: (files) =>
    `apk add --allow-untrusted ${files} || { apk update && apk add --allow-untrusted ${files}; }`,
  dpkg: (files) =>
    'export DEBIAN_FRONTEND=noninteractive; if command -v apt-get >/dev/null; then ' +
    `apt-get install -y --no-install-recommends ${files} || ` +
    `{ apt-get update && apt-get install -y --no-install-recommends ${files}; }; ` +
    `else dpkg -i ${files}; fi`,
};

/** Through the shell's standard input, and compared by its sum there. Throws Failure. */
async function upload(
  remote: Remote,
  packages: string,
  folder: string,
  { file, bytes, sha256 }: Row,
  stage: Stage,
): Promise<void> {
  const progress = new Progress(stage);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let done = 0;
    for await (const piece of createReadStream(join(packages, file))) {
      done += piece.length;
      yield piece;
      progress.show({ phase: 'upload', bytes: done, total: bytes, fraction: done / bytes });
    }
  }
  const path = `${folder}/${file}`;
  const sum = await remote.must('uploading', `cat >${path} && sha256sum ${path}`, pieces());
  progress.end();
  if (!sum.startsWith(sha256))
    throw new Failure(
      `${remote.host}: ${file} arrived damaged, or is not the one in packages.json`,
    );
}

async function waitUntilHealthy(remote: Remote, { stop }: Stage) {
  const end = performance.now() + HEALTHY_MS;
  for (;;) {
    const { code, out, error } = await remote.run('kith status --json');
    const status = code === 0 ? parsed(out) : undefined;
    if (status) return { name: String(status.name), member: (status.mesh ?? null) !== null };
    if (performance.now() > end) {
      const said = `${error}`
        .replace(/\p{Cc}+/gu, ' ')
        .trim()
        .slice(0, 300);
      const logs = '`logread` or `journalctl -u kith` may say why';
      throw new Failure(`${remote.host}: installed, but the agent is not well: ${said}. ${logs}`);
    }
    await pause(LOOK_MS, undefined, { signal: stop });
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function describe({ model, system, machine, memory, install, installed }: Probe): string {
  const parts = [model, system, machine, `${formatBytes(memory)} of memory`];
  parts.push(`${formatBytes(install.free)} free on ${install.on}`);
  if (installed !== '') parts.push(`kith ${installed} is there`);
  return parts.filter((part) => part !== '').join(', ');
}

function teller({ json, out, error }: Stage) {
  return (line: string, plain: object) => {
    if (json) out(`${JSON.stringify(plain)}\n`);
    else error(`${line}\n`);
  };
}

// The agent as it is packed: small enough, complete, and with the native modules we name.
// needs: root, tun

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { agentTree } from '../../../flash/package/agent.js';
import { Fetched } from '../../../flash/package/fetched.js';
import { CPUS, FACTS } from '../../../flash/package/targets.js';
import { sizeOf, type Tree } from '../../../flash/package/tree.js';
import { folder } from './sample.js';

const INSTALLED_BYTES_MAX = 4 * 1024 * 1024;
const ROOT = join(import.meta.dirname, '../../..');

const agent = suite('flash/package/agent');
const fetched = new Fetched(folder('cache'), () => {}, new AbortController().signal);
const cpu = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const tree = await agentTree(cpu, '1.2.3', ROOT, fetched);

function lay(entries: Tree): string {
  const place = folder('agent');
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    mkdirSync(dirname(join(place, entry.path)), { recursive: true });
    writeFileSync(join(place, entry.path), entry.bytes, { mode: entry.mode });
  }
  return place;
}

agent('without Node it takes less than 4 MiB', () => {
  const size = sizeOf(tree);
  assert.ok(size < INSTALLED_BYTES_MAX, `${size} bytes`);
  assert.ok(size > INSTALLED_BYTES_MAX / 4, `only ${size} bytes: something is missing`);
});

agent('there is one native module of each kind, and it is for this CPU', () => {
  const native = tree.filter(({ path }) => path.endsWith('.node'));
  assert.equal(
    native.map(({ path }) => path),
    ['native/koffi.node', 'native/serialport.node'],
  );
  const machine = { aarch64: 183, x86_64: 62 }[cpu]; // elf.h: EM_AARCH64, EM_X86_64
  for (const entry of native)
    assert.is(entry.kind === 'file' ? Buffer.from(entry.bytes).readUInt16LE(18) : 0, machine);
});

agent('nothing for browsers, no types, no tests, no maps', () => {
  const paths = tree.map(({ path }) => path).filter((path) => !/\/licen[cs]e[^/]*$/i.test(path));
  assert.equal(
    paths.filter((path) => /\.(d\.[cm]?ts|ts|map|md)$/.test(path)),
    [],
  );
  assert.not(tree.some(({ path }) => /node_modules\/.*\/tests?\//.test(path)));
});

agent('it starts from another place, and every module it loads late is there', () => {
  const place = lay(tree);
  const run = (...args: string[]) =>
    execFileSync(process.execPath, args, { cwd: place, encoding: 'utf8', stdio: 'pipe' });
  assert.match(
    execFileSync(join(place, 'bin/kith'), ['--version'], { encoding: 'utf8' }),
    /^\d+\./,
  );
  const outside = ['koffi', 'serialport', 'mqtt', 'mqtt-packet', 'aedes', 'ws', 'multicast-dns'];
  writeFileSync(
    join(place, 'all.mjs'),
    `import { readdirSync } from 'node:fs';
     for (const name of ${JSON.stringify(outside)}) await import(name);
     for (const name of readdirSync('dist'))
       if (/^chunk-.*[.]js$/.test(name)) await import('./dist/' + name);
     const { SerialPort } = await import('serialport');
     await SerialPort.binding.list().catch(() => []);
     const paths = process.report.getReport().sharedObjects.filter((one) => one.endsWith('.node'));
     console.log(JSON.stringify(paths.sort()));
     process.exit(0);`,
  );
  const native = JSON.parse(run('all.mjs').trim().split('\n').at(-1) ?? '') as string[];
  assert.equal(
    native,
    ['koffi', 'serialport'].map((name) => join(place, `native/${name}.node`)),
  );
});

agent('the tables of both CPUs name a loader, a koffi and a serialport each', () => {
  for (const name of CPUS) {
    const { loader, koffi, serialport, nodeIntegrity, openwrt } = FACTS[name];
    assert.match(loader, /^ld-linux-/);
    assert.match(koffi.file, /^linux_\w+\/koffi\.node$/);
    assert.match(serialport, /\.glibc\.node$/);
    assert.match(nodeIntegrity, /^sha512-[\w+/]{86}==$/);
    assert.ok(openwrt.length > 0);
  }
});

agent.run();

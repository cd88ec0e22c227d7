// npm start: installs what is missing, builds, and becomes the agent. Plain JavaScript without
// packages, because on a fresh machine there is nothing else yet.
//
//     npm start -- --state DIR        everything behind -- goes to `kith up`

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(fileURLToPath(import.meta.url), '../..');
const NODE_MIN = [20, 19];
const SOURCES = ['agent', 'board', 'package.json', 'package-lock.json', 'rollup.config.mjs'];

const lacking = nodeProblem() ?? rootProblem() ?? tunProblem();
if (lacking !== undefined) end(lacking);
if (!isThere('ip')) installDebianPackage('ip', 'iproute2');
if (!isInstalled())
  run('installing packages', 'npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
if (!isBuilt()) run('building', 'npm', ['run', '--silent', 'build']);
become([join(ROOT, 'dist/kith.js'), 'up', ...process.argv.slice(2)]);

function nodeProblem() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return undefined;
  const wanted = NODE_MIN.join('.');
  return `Node ${process.versions.node} is too old: kith needs ${wanted} or later`;
}

function rootProblem() {
  if (process.platform !== 'linux') return `kith runs on Linux, and this is ${process.platform}`;
  if (process.geteuid() === 0) return undefined;
  return 'kith makes a network interface, and only root may: run it with sudo npm start';
}

function tunProblem() {
  if (existsSync('/dev/net/tun')) return undefined;
  spawnSync('modprobe', ['tun'], { stdio: 'ignore' });
  if (existsSync('/dev/net/tun')) return undefined;
  return (
    'there is no /dev/net/tun: this kernel has no TUN driver (modprobe tun fails); ' +
    'in a container give it --device /dev/net/tun --cap-add NET_ADMIN'
  );
}

function isThere(command) {
  const folders = (process.env.PATH ?? '/usr/bin:/bin:/usr/sbin:/sbin').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, command)));
}

/** Small systems (containers, minimal images) come without it, and without lists of packages. */
function installDebianPackage(command, name) {
  if (!isThere('apt-get'))
    end(`the command \`${command}\` is missing: install the package ${name}, then try again`);
  process.env.DEBIAN_FRONTEND = 'noninteractive'; // nobody is asked while the agent starts
  run('asking for the list of Debian packages', 'apt-get', ['-qq', 'update']);
  const options = ['-qq', '--yes', '--no-install-recommends'];
  run(`installing ${name}`, 'apt-get', ['install', ...options, name]);
}

/** npm writes its own copy of the lock file last, so a broken installation is seen too. */
function isInstalled() {
  const installed = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  return changedAt(installed) >= changedAt(join(ROOT, 'package-lock.json'));
}

/** Everything that goes in is older than everything that came out. */
function isBuilt() {
  const results = ['kith.js', 'worker.js', 'dataplane.wasm'].map((name) =>
    join(ROOT, 'dist', name),
  );
  if (!results.every((result) => existsSync(result))) return false;
  const builtAt = Math.min(...results.map(changedAt));
  return SOURCES.every((source) => newest(join(ROOT, source)) <= builtAt);
}

function newest(path) {
  if (!existsSync(path)) return 0;
  if (!statSync(path).isDirectory()) return changedAt(path);
  const names = readdirSync(path);
  return Math.max(changedAt(path), ...names.map((name) => newest(join(path, name))));
}

function changedAt(path) {
  return statSync(path).mtimeMs;
}

/** Shows its progress; without success there is no going on. */
function run(what, command, args) {
  process.stderr.write(`kith: ${what} …\n`);
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (error) end(`${what} failed: ${command} does not start (${error.code}); is npm installed?`);
  if (status !== 0) end(`${what} failed: what went wrong is written above`);
}

/** Node 20 cannot replace itself by another program, so it stands aside and passes things on. */
function become(args) {
  const flags = (/^#!.*?\bnode\b(.*)$/m.exec(firstLine(args[0]))?.[1] ?? '').trim();
  const node = flags === '' ? args : [...flags.split(/\s+/), ...args];
  if (typeof process.execve === 'function')
    process.execve(process.execPath, [process.execPath, ...node]);
  const child = spawn(process.execPath, node, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])
    process.on(signal, () => child.kill(signal));
  child.once('error', (error) => end(`the agent does not start: ${error.message}`));
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

function firstLine(path) {
  return readFileSync(path, 'utf8').slice(0, 200).split('\n')[0] ?? '';
}

function end(sentence) {
  process.stderr.write(`kith: ${sentence}\n`);
  process.exit(1);
}

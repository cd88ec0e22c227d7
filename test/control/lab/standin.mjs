// What `kith up` is to a lab, without a mesh: answers on its socket, and writes down what it is
// asked. Every node says that it lives at the address of the lab's first node.

import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';

const args = process.argv.slice(2);
const state = args[args.indexOf('--state') + 1] ?? '';
const own = state.split('/').pop();
const names = ['harbour', 'house', 'cabin', 'studio'];
mkdirSync(state, { recursive: true });

const path = { class: 'direct', via: null, rttMs: 1, mtu: null, reason: null };
const status = {
  addresses: ['198.51.100.10/32'],
  peers: names.map((name) => ({ name, path })),
};

function answer(command, given) {
  if (command === 'status') return { ok: true, result: status };
  appendFileSync(`${state}/../calls`, `${own}: ${command} ${JSON.stringify(given)}\n`);
  if (command === 'guest add') return { ok: false, error: 'no guests here' };
  return { ok: true, result: command === 'invite' ? { word: `kith1${given.name}` } : {} };
}

if (process.env.STANDIN_FAILS === own) {
  console.error('no luck today');
  process.exit(1);
}
rmSync(`${state}/kith.sock`, { force: true });
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (line) => {
    const { id, command, arguments: given } = JSON.parse(String(line));
    socket.write(`${JSON.stringify({ id, ...answer(command, given) })}\n`);
  });
});
server.listen(`${state}/kith.sock`);
process.once('SIGTERM', () => process.exit(0));

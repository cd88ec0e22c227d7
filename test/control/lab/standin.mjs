// What `kith` is to a lab, without a mesh: `init`, `invite`, `join` pass a word on, `up` answers on
// its socket. Every node says that it lives at the address of the lab's first node.

import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';

const args = process.argv.slice(2);
const state = args[args.indexOf('--state') + 1] ?? '';
const names = ['harbour', 'house', 'cabin', 'studio'];
mkdirSync(state, { recursive: true });
appendFileSync(`${state}/../calls`, `${args.slice(0, -1).join(' ')}\n`);

const path = { class: 'direct', via: null, rttMs: 1, mtu: null, reason: null };
const answer = {
  addresses: ['198.51.100.10/32'],
  peers: names.map((name) => ({ name, path })),
};

if (args[0] === 'invite') console.log(`kith1${args[1]}\nand a QR code`);
if (args[0] === 'guest') process.exit(1);
if (args[0] === 'join')
  for await (const word of process.stdin) appendFileSync(`${state}/word`, word);
if (args[0] === 'up') {
  if (process.env.STANDIN_FAILS === state.split('/').pop()) {
    console.error('no luck today');
    process.exit(1);
  }
  rmSync(`${state}/kith.sock`, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (line) => {
      const { id } = JSON.parse(String(line));
      socket.write(`${JSON.stringify({ id, ok: true, result: answer })}\n`);
    });
  });
  server.listen(`${state}/kith.sock`);
  process.once('SIGTERM', () => process.exit(0));
}

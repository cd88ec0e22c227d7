// slow: a silent peer is given up after 15 s of real time
// waits: for time-outs, most of the time
// deadline: 300
// kill -9 of either side: the tunnel comes back under traffic, whoever sends.
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './namespaces.js';
import { INSIDE, startPair } from './pair.js';

/** KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + jitter, and what a busy machine adds. */
const GIVEN_UP_MS = 25_000;

const restart = suite('lab/restart');

for (const killed of ['a', 'b'] as const) {
  const who = killed === 'a' ? 'kith' : 'wireguard-go';
  const other = killed === 'a' ? 'b' : 'a';

  restart(`${who} is killed, starts again and sends: back at once`, async () => {
    const lab = await Lab.create('restart');
    try {
      const nodes = await startPair(lab);
      await nodes[killed].reaches(INSIDE[other].ipv4);
      await nodes[killed].kill();
      assert.is((await lab.run(other, 'ping', '-c1', '-W1', INSIDE[killed].ipv4)).code, 1);
      await nodes[killed].up();
      await nodes[killed].reaches(INSIDE[other].ipv4, 4_000);
    } finally {
      await lab.dispose();
    }
  });

  restart(`${who} is killed and starts again, only the other side sends: back soon`, async () => {
    const lab = await Lab.create('restart');
    try {
      const nodes = await startPair(lab, { callers: [other] });
      await nodes[other].reaches(INSIDE[killed].ipv4);
      await nodes[killed].kill();
      await nodes[killed].up();
      await nodes[other].reaches(INSIDE[killed].ipv4, GIVEN_UP_MS);
    } finally {
      await lab.dispose();
    }
  });
}

restart('kill -9 of kith leaves nothing that keeps the next one from starting', async () => {
  const lab = await Lab.create('restart');
  try {
    const { a } = await startPair(lab);
    const socket = `/var/run/wireguard/${a.device}.sock`;
    for (let round = 0; round < 3; round++) {
      await a.kill();
      assert.is((await lab.run('a', 'ip', 'link', 'show', a.device)).code, 1, 'no interface left');
      assert.ok(existsSync(socket), 'the file of the socket is left, and must not matter');
      await a.up();
      await a.reaches(INSIDE.b.ipv4, 4_000);
    }
  } finally {
    await lab.dispose();
  }
});

restart.run();

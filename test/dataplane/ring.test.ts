import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  answerBell,
  handshakesWaiting,
  putHandshake,
  ringBell,
  takeHandshake,
} from '../../agent/dataplane/ring.js';
import {
  RING_ENTRIES,
  RING_HEAD,
  RING_TAIL,
  SharedMemory,
} from '../../agent/dataplane/sharedmemory.js';
import { writeName, writeSource } from '../../agent/dataplane/sockaddr.js';

const ring = suite('dataplane/ring');

const name = new Uint8Array(32);
const source = new Uint8Array(32);

ring('what goes in comes out, in order, until it is full; also past the end of 32 bits', () => {
  const shared = new SharedMemory();
  shared.header[RING_HEAD] = shared.header[RING_TAIL] = 2 ** 31 - 70;
  writeName(name, 0, { address: '192.0.2.1', port: 51_820 });
  writeSource(source, 0, { address: '192.0.2.2', interfaceIndex: 3 });
  let put = 0;
  let taken = 0;
  for (let round = 0; round < 4; round++) {
    while (putHandshake(shared, new Uint8Array(148).fill(put), 1, name, source)) put++;
    assert.is(handshakesWaiting(shared), RING_ENTRIES);
    for (let i = 0; i < 50; i++) {
      assert.equal(takeHandshake(shared), {
        datagram: new Uint8Array(148).fill(taken++),
        from: {
          slot: 1,
          endpoint: { address: '192.0.2.1', port: 51_820 },
          source: { address: '192.0.2.2', interfaceIndex: 3 },
          channel: 0,
        },
        check: 'mac1',
      });
    }
  }
  assert.is(put - taken, handshakesWaiting(shared));
});

ring('IPv6 with a scope, and a source that was not told', () => {
  const shared = new SharedMemory();
  const endpoint = { address: 'fe80::1%7', port: 1 };
  writeName(name, 0, endpoint);
  putHandshake(shared, new Uint8Array(64), 2, name, new Uint8Array(32));
  const taken = takeHandshake(shared);
  assert.equal(taken?.from, { slot: 2, endpoint, source: null, channel: 0 });
  assert.is(takeHandshake(shared), undefined);
});

ring('the bell rings once until it is answered', () => {
  const shared = new SharedMemory();
  assert.equal([ringBell(shared), ringBell(shared)], [true, false]);
  answerBell(shared);
  assert.ok(ringBell(shared));
});

ring('a datagram longer than a place is refused', () => {
  assert.not(putHandshake(new SharedMemory(), new Uint8Array(177), 0, name, source));
});

ring.run();

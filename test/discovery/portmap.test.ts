import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Endpoint } from '../../agent/bytes/address.js';
import { PortMapping } from '../../agent/discovery/portmap.js';

const random = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => i + 7);

/** A router on loopback that answers as it is told to. */
async function router(answer: (request: Buffer) => Buffer[]): Promise<{
  socket: Socket;
  port: number;
  asked: Buffer[];
}> {
  const socket = createSocket('udp4');
  const asked: Buffer[] = [];
  socket.on('message', (request, from: RemoteInfo) => {
    asked.push(request);
    for (const bytes of answer(request)) socket.send(bytes, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { socket, port: socket.address().port, asked };
}

function mapping(port: number, told: (Endpoint | null)[]): PortMapping {
  return new PortMapping({
    port: 51820,
    random,
    onMapping: (endpoint) => told.push(endpoint),
    gateway: () => '127.0.0.1',
    gatewayPort: port,
    ssdpPort: port,
  });
}

async function until(done: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 250; tries++) {
    if (done()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.unreachable(what);
}

const portmap = suite('discovery/portmap');

portmap(
  'a router that knows NAT-PMP only is asked in its language, and told at the end',
  async () => {
    const mapped = Buffer.from('0081000000000001ca6cca6d00000e10', 'hex');
    const { socket, port, asked } = await router((request) => {
      if (request[0] === 2) return [Buffer.from('0080000100000001', 'hex')];
      return request[1] === 0 ? [Buffer.from('0080000000000001c6336407', 'hex')] : [mapped];
    });
    const told: (Endpoint | null)[] = [];
    const one = mapping(port, told);
    try {
      one.start();
      await until(() => told.length > 0, 'a mapping');
      assert.equal(told, [{ address: '198.51.100.7', port: 51821 }]);
      await one.stop();
      await until(() => asked.at(-1)?.toString('hex') === '00010000ca6c000000000000', 'given back');
    } finally {
      socket.close();
    }
  },
);

portmap('a refusal is no mapping', async () => {
  const { socket, port, asked } = await router((request) => [
    Buffer.concat([Buffer.from([2, 0x81, 0, 2]), request.subarray(4)]),
  ]);
  const told: (Endpoint | null)[] = [];
  const one = mapping(port, told);
  try {
    one.start();
    await until(() => asked.length > 0, 'a question');
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(told, []);
    assert.ok(asked.filter((request) => request[0] === 2).length < 3);
  } finally {
    await one.stop();
    socket.close();
  }
});

/** PCP's answer to a request: this address and lifetime (hexadecimal), the port as asked. */
function granted(request: Buffer, address: string, lifetime: string): Buffer {
  const answer = Buffer.alloc(60);
  request.copy(answer, 24, 24);
  answer.write(`02810000${lifetime}`, 0, 'hex');
  answer.write(`${'00'.repeat(10)}ffff${address}`, 44, 'hex');
  return answer;
}

portmap('an address behind another NAT is not told, but the lease is kept', async () => {
  let address = '0a000001';
  const { socket, port, asked } = await router((request) => [
    granted(request, address, '00000e10'),
  ]);
  const told: (Endpoint | null)[] = [];
  const one = mapping(port, told);
  try {
    one.start();
    await until(() => asked.length > 0, 'a question');
    address = 'c6336407';
    one.moved();
    await until(() => told.length === 1, 'the address outside');
    address = '64400001';
    one.moved();
    await until(() => told.length === 2, 'the address of the NAT of a provider');
    assert.equal(told, [{ address: '198.51.100.7', port: 51820 }, null]);
    await one.stop();
    await until(() => asked.at(-1)?.readUInt32BE(4) === 0, 'given back');
  } finally {
    socket.close();
  }
});

portmap('a lease without end, or of no length, does not make us ask in a circle', async () => {
  for (const lifetime of ['ffffffff', '00000001']) {
    const { socket, port, asked } = await router((request) => {
      const answer = granted(request, 'c6336407', lifetime);
      const refusal = Buffer.concat([Buffer.from([2, 0x81, 0, 2]), request.subarray(4)]);
      return [answer, refusal, answer];
    });
    const told: (Endpoint | null)[] = [];
    const one = mapping(port, told);
    try {
      one.start();
      await until(() => told.length > 0, 'a mapping');
      await new Promise((resolve) => setTimeout(resolve, 400));
      assert.ok(asked.length < 10, `${asked.length} questions`);
      assert.is(told.length, 1, lifetime);
    } finally {
      await one.stop();
      socket.close();
    }
  }
});

portmap('another gateway, or none: the mapping of the last one is gone', async () => {
  const { socket, port } = await router((request) => [granted(request, 'c6336407', '00000e10')]);
  const told: (Endpoint | null)[] = [];
  let gateway: string | undefined = '127.0.0.1';
  const onMapping = (endpoint: Endpoint | null) => told.push(endpoint);
  const ports = { gatewayPort: port, ssdpPort: port };
  const one = new PortMapping({
    port: 51820,
    random,
    onMapping,
    gateway: () => gateway,
    ...ports,
  });
  try {
    one.start();
    await until(() => told.length > 0, 'a mapping');
    gateway = '127.0.0.2';
    one.moved();
    assert.equal(told, [{ address: '198.51.100.7', port: 51820 }, null], 'another');
    gateway = '127.0.0.1';
    one.moved();
    await until(() => told.length === 3, 'a mapping again');
    gateway = undefined;
    one.moved();
    assert.is(told.at(-1), null, 'none');
  } finally {
    await one.stop();
    socket.close();
  }
});

portmap.run();

// serial: every node on this machine would hear its questions
//
// Several nodes on one network, which is the loopback interface.

import { createSocket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import multicastDns from 'multicast-dns';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LanRendezvous, SERVICE } from '../../agent/discovery/lan.js';
import { until } from '../control/mqtt/mosquitto.js';

type Heard = { topic: Uint8Array; sealed: Uint8Array };

const topicOf = (byte: number) => new Uint8Array(32).fill(byte);
const record = (byte: number, length = 1500) => new Uint8Array(length).fill(byte);
const open: { stop(): void }[] = [];

async function node(): Promise<{ lan: LanRendezvous; heard: Heard[] }> {
  const heard: Heard[] = [];
  const lan = new LanRendezvous({
    addresses: () => ['127.0.0.1'],
    onRecord: (topic, sealed) => heard.push({ topic, sealed }),
    log: () => {},
  });
  open.push(lan);
  await lan.start();
  return { lan, heard };
}

const lan = suite('discovery/lan');

lan.after.each(() => {
  for (const one of open.splice(0)) one.stop();
});

lan('whoever comes hears who is there, and is heard', async () => {
  const first = await node();
  first.lan.publish(topicOf(1), record(7));
  await pause(300);
  const second = await node();
  second.lan.publish(topicOf(2), record(8, 8 * 1024));
  await until(() => second.heard.length > 0 && first.heard.length > 0, 'both have heard');
  assert.equal(second.heard, [{ topic: topicOf(1), sealed: record(7) }]);
  assert.equal(first.heard, [{ topic: topicOf(2), sealed: record(8, 8 * 1024) }]);
});

lan('a newer record is told at once, the same one not twice', async () => {
  const [first, second] = [await node(), await node()];
  first.lan.publish(topicOf(1), record(7));
  await until(() => second.heard.length === 1, 'the first');
  first.lan.publish(topicOf(1), record(9));
  await until(() => second.heard.length === 2, 'the second');
  first.lan.publish(topicOf(1), record(9));
  await pause(1500);
  assert.is(second.heard.length, 2);
  assert.equal(second.heard[1]?.sealed, record(9));
});

lan('junk is dropped and counted', async () => {
  const { lan, heard } = await node();
  const mdns = multicastDns({ interface: '127.0.0.1', bind: '0.0.0.0' });
  const tell = (name: string, data: Buffer[]) =>
    mdns.respond({ answers: [{ name: `${name}.${SERVICE}`, type: 'TXT', ttl: 9, data }] });
  const good = Buffer.from(topicOf(1)).toString('base64url');
  const one = Buffer.from('v=1');
  tell('short', [one, Buffer.from('x')]);
  tell(good, [Buffer.from('v=2'), Buffer.from('x')]);
  tell(good, [one]);
  tell(good.replace(/.$/, '_'), [one, Buffer.from('x')]);
  tell(good, [one, ...Array.from({ length: 40 }, () => Buffer.alloc(255))]);
  const socket = createSocket('udp4');
  socket.send(Buffer.alloc(100, 0xff), 5353, '127.0.0.1');
  await until(() => lan.dropped >= 5, 'all are counted');
  assert.equal(heard, []);
  for (let i = 0; i < 300; i++)
    tell(
      Buffer.from(topicOf(1).fill(i, 4))
        .toString('base64url')
        .replace(/^../, String(10 + (i % 80))),
      [one, Buffer.from([i & 0xff, i >> 8])],
    );
  await until(() => lan.dropped > 100, 'a flood is cut');
  assert.ok(heard.length <= 2 * 64);
  mdns.destroy();
  socket.close();
});

lan.run();

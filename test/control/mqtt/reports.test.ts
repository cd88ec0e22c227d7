import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { labelOf } from '../../../agent/commands/label.js';
import { gist, PEERS_SHOWN_MAX, Reports } from '../../../agent/control/mqtt/reports.js';
import { Topics } from '../../../agent/control/mqtt/topics.js';
import { config, KEY_B } from '../../config/samples.js';
import { peer, status } from './node.js';

const topics = new Topics('kith', 'abc');
const phone = (parts: object = {}) => peer({ name: 'phone', publicKey: KEY_B, ...parts });

function make(reports: Reports, now: number, peers: ReturnType<typeof phone>[]) {
  const told = reports.make(status(peers), config(), now, 1_700_000_000);
  const read = (topic: string) => JSON.parse(told.get(topic) ?? 'null');
  return { told, status: read(topics.status), peer: read(topics.peer(labelOf(KEY_B))) };
}

const reports = suite('control/mqtt/reports');

reports('rates are bytes per second between two reports', () => {
  const one = new Reports(topics);
  assert.is(make(one, 0, [phone()]).peer.rxRate, 0);
  const { peer, status } = make(one, 2000, [phone({ rxBytes: 2010, txBytes: 420 })]);
  assert.equal([peer.rxRate, peer.txRate, status.rxRate, status.txRate], [1000, 200, 1000, 200]);
  assert.is(make(one, 2100, [phone({ rxBytes: 9999 })]).peer.rxRate, 1000); // too soon for another
  assert.is(make(one, 4000, [phone({ rxBytes: 0 })]).peer.rxRate, 0); // the peer began anew
});

reports('where peers are is not told', () => {
  const path = {
    class: 'none',
    via: null,
    rttMs: null,
    mtu: null,
    reason: { code: 'no-handshake', evidence: '192.0.2.7:51820 is silent', advice: 'x' },
  } as const;
  const { told, peer } = make(new Reports(topics), 0, [phone({ path })]);
  assert.not.match([...told.values()].join(), /192\.0\.2\.7/);
  assert.equal([peer.path.reason.code, peer.connected], ['no-handshake', false]);
});

reports('so many peers have a topic; all are counted', () => {
  const key = (i: number) => Buffer.alloc(32, i + 1).toString('base64');
  const peers = Array.from({ length: 100 }, (_, i) => phone({ publicKey: key(i) }));
  const { told, status } = make(new Reports(topics), 0, peers);
  assert.is(told.size, PEERS_SHOWN_MAX + 2);
  assert.is(status.peers.total, 100);
});

reports('the gist changes with what people wait to see, and not with counters', () => {
  const before = gist(status([phone()]));
  assert.is(gist({ ...status([phone({ rxBytes: 99 })]), uptime: 99 }), before);
  const relay = { class: 'relay', via: 'hub', rttMs: 1, mtu: 1, reason: null } as const;
  assert.is.not(gist(status([phone({ path: relay })])), before);
  assert.is.not(gist(status([])), before);
  assert.is.not(gist({ ...status([phone()]), name: 'x' }), before);
});

reports.run();

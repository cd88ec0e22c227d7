import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  chooseHost,
  chooseMeshIpv4,
  covers,
  isUsable,
  meshPrefix,
  overlaps,
  overlayIpv4,
  overlayIpv6,
} from '../../agent/identity/overlay.js';

const overlay = suite('identity/overlay');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const prefix = (text: string) => {
  const [address = '', length] = text.split('/');
  return { address, length: Number(length) };
};

overlay('IPv6 from the hashes of both keys', () => {
  const [mesh, node] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const groups = Buffer.concat([
    Buffer.of(0xfd),
    sha256(mesh).subarray(0, 5),
    Buffer.alloc(2),
    sha256(node).subarray(0, 8),
  ]).toString('hex');
  const text = groups.match(/.{4}/g)!.map((group) => Number.parseInt(group, 16).toString(16));
  assert.is(overlayIpv6(mesh, node), text.join(':'));
  const address = overlayIpv6(mesh, node);
  assert.ok(covers(meshPrefix(mesh), { address, length: 128 }));
  assert.not(covers(meshPrefix(node), { address, length: 128 }));
});

overlay('IPv4 in the /16', () => {
  assert.is(overlayIpv4(prefix('100.99.0.0/16'), 0x0102), '100.99.1.2');
});

overlay('a host: from the hash, else the next that may be used and is free', () => {
  const key = new Uint8Array(32).fill(3);
  const hash = sha256(key);
  const wanted = hash.readUInt16BE(8);
  const first = chooseHost(key, () => false)!;
  assert.is(first, isUsable(wanted) ? wanted : wanted + 1);
  assert.ok(chooseHost(key, (host) => host === first)! > first);
  const lone = 4242;
  assert.is(
    chooseHost(key, (host) => host !== lone),
    lone,
  );
  assert.is(
    chooseHost(key, () => true),
    undefined,
  );
  assert.is(
    chooseHost(key, (host) => host !== 256),
    undefined,
    '.1.0 is nobody',
  );
});

overlay('the /16 keeps clear of what is there', () => {
  const random = () => Uint8Array.of(5);
  assert.equal(chooseMeshIpv4(random, []), prefix('100.69.0.0/16'));
  const seen = [prefix('100.69.7.0/24'), prefix('192.168.1.0/24'), prefix('100.70.0.0/15')];
  assert.equal(chooseMeshIpv4(random, seen), prefix('100.72.0.0/16'));
  assert.is(chooseMeshIpv4(random, [prefix('100.64.0.0/10')]), undefined);
  assert.is(chooseMeshIpv4(random, [prefix('0.0.0.0/0')]), undefined);
});

overlay('overlaps and covers', () => {
  const rows: [string, string, boolean, boolean][] = [
    ['10.0.0.0/8', '10.1.2.0/24', true, true],
    ['10.1.2.0/24', '10.0.0.0/8', true, false],
    ['10.1.2.0/25', '10.1.2.128/25', false, false],
    ['10.1.2.0/23', '10.1.3.0/24', true, true],
    ['0.0.0.0/0', '10.1.3.0/24', true, true],
    ['0.0.0.0/0', '::/0', false, false],
    ['fc00::/7', 'fd12::/48', true, true],
    ['fc00::/7', 'fe80::/10', false, false],
    ['192.0.2.1/32', '192.0.2.1/32', true, true],
  ];
  for (const [a, b, touch, inside] of rows) {
    assert.is(overlaps(prefix(a), prefix(b)), touch, `${a} ${b}`);
    assert.is(overlaps(prefix(b), prefix(a)), touch);
    assert.is(covers(prefix(a), prefix(b)), inside, `${a} ${b}`);
  }
});

overlay.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Prefix, parsePrefix } from '../../agent/bytes/address.js';
import type { Answer } from '../../board/link.js';
import { changeOverlay, setOverlayMtu } from '../../board/overlay.js';

const p = (text: string): Prefix => parsePrefix(text)!;

/** Takes lines down; fails those that match. */
function fake(fails?: RegExp) {
  const lines: string[] = [];
  const ip = async (batch: readonly string[]): Promise<Answer[]> => {
    lines.push(...batch);
    return batch.map((line) => ({ line, error: fails?.test(line) ? 'no' : undefined }));
  };
  return { lines, ip };
}

const NONE = { addresses: [], routes: [] };
const OURS = [p('fd12:3456:789a::7/128'), p('100.70.0.9/32')];
const MESH = { addresses: OURS, routes: [p('fd12:3456:789a::/48'), p('100.70.0.0/16')] };

const overlay = suite('board/overlay');

overlay('addresses first, then routes that name their source', async () => {
  const { lines, ip } = fake();
  assert.equal(await changeOverlay('kith0', NONE, MESH, ip), []);
  assert.equal(lines, [
    'address replace fd12:3456:789a::7/128 dev kith0 nodad',
    'address replace 100.70.0.9/32 dev kith0',
    'route replace fd12:3456:789a::/48 dev kith0 mtu 1280 src fd12:3456:789a::7',
    'route replace 100.70.0.0/16 dev kith0 mtu 1280 src 100.70.0.9',
  ]);
});

overlay('only the difference is changed', async () => {
  const { lines, ip } = fake();
  const after = { ...MESH, routes: [...MESH.routes.slice(0, 1), p('192.168.7.0/24')] };
  assert.equal(await changeOverlay('kith0', MESH, after, ip), []);
  assert.equal(lines, [
    'route del 100.70.0.0/16 dev kith0',
    'route replace 192.168.7.0/24 dev kith0 mtu 1280 src 100.70.0.9',
  ]);
  lines.length = 0;
  await changeOverlay('kith0', after, after, ip);
  assert.equal(lines, []);
});

overlay('routes that named an address which goes are made anew', async () => {
  const { lines, ip } = fake();
  const after = { ...MESH, addresses: [...OURS.slice(0, 1), p('100.70.2.1/32')] };
  assert.equal(await changeOverlay('kith0', MESH, after, ip), []);
  assert.equal(lines, [
    'address del 100.70.0.9/32 dev kith0',
    'address replace 100.70.2.1/32 dev kith0',
    'route replace fd12:3456:789a::/48 dev kith0 mtu 1280 src fd12:3456:789a::7',
    'route replace 100.70.0.0/16 dev kith0 mtu 1280 src 100.70.2.1',
  ]);
});

overlay('a proven MTU becomes a host route, and goes', async () => {
  const { lines, ip } = fake();
  await setOverlayMtu('kith0', [p('100.70.0.12/32')], 1420, OURS, ip);
  await setOverlayMtu('kith0', [p('100.70.0.12/32')], 1280, OURS, ip);
  assert.equal(lines, [
    'route replace 100.70.0.12/32 dev kith0 mtu 1420 src 100.70.0.9',
    'route del 100.70.0.12/32 dev kith0',
  ]);
});

overlay('what fails is remarked on', async () => {
  const remarks = await changeOverlay('kith0', NONE, MESH, fake(/fd12.*nodad/).ip);
  assert.equal(remarks, ['`ip address replace fd12:3456:789a::7/128 dev kith0 nodad` failed: no']);
});

overlay.run();

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NAME, nearest, safeName } from '../../agent/config/words.js';

const words = suite('config/words');

const names = [
  ['cabin', 'cabin'],
  ['Anna’s Phone', 'anna-s-phone'],
  ['router.lan', 'router'],
  ['--x--', 'x'],
  ['OpenWrt_2', 'openwrt-2'],
  ['日本', 'node'],
  ['', 'node'],
  ['x'.repeat(80), 'x'.repeat(63)],
] as const;
for (const [typed, want] of names) {
  words(`"${typed.slice(0, 20)}" becomes ${want.slice(0, 20)}`, () =>
    assert.is(safeName(typed, 'node'), want),
  );
}

words('whatever is typed becomes a good name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => NAME.test(safeName(text, 'node'))),
  );
});

const near = [
  ['stauts', 'status'],
  ['pu', 'up'], // two letters swapped are one mistake
  ['peer', 'peers'],
  ['statsu', 'status'],
  ['gust add', 'guest add'],
  ['zebra', undefined],
  ['', undefined],
] as const;
for (const [typed, want] of near) {
  words(`"${typed}" means ${want ?? 'nothing'}`, () =>
    assert.is(nearest(typed, ['status', 'peers', 'guest add', 'up', 'config get']), want),
  );
}

words.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Admission } from '../../agent/wireguard/admission.js';
import { ADMISSION_SOURCES_MAX } from '../../agent/wireguard/limits.js';

const admission = suite('wireguard/admission');
const from = (address: string, channel = 0, port = 1) => ({
  slot: 0,
  endpoint: { address, port },
  source: null,
  channel,
});
const times = (n: number, ask: () => boolean) =>
  Array.from({ length: n }, ask).filter((admitted) => admitted).length;

admission('five at once, then twenty a second', () => {
  const gate = new Admission();
  const place = from('192.0.2.1');
  assert.is(
    times(50, () => gate.admit(place, 0)),
    5,
  );
  assert.is(
    times(5, () => gate.admit(place, 49)),
    0,
  );
  assert.is(
    times(5, () => gate.admit(place, 50)),
    1,
  );
  assert.is(
    times(50, () => gate.admit(place, 10_000)),
    5,
    'no more than five are saved up',
  );
  let admitted = 0;
  for (let now = 20_000; now < 30_000; now++) admitted += Number(gate.admit(place, now));
  assert.is(admitted, 5 + 199);
});

admission('an IPv4 address, an IPv6 /64 and a relay channel are sources, a port is none', () => {
  const gate = new Admission();
  assert.is(
    times(9, () => gate.admit(from('192.0.2.1'), 0)),
    5,
  );
  assert.is(
    times(9, () => gate.admit(from('192.0.2.1', 0, 9), 0)),
    0,
  );
  assert.is(
    times(9, () => gate.admit(from('192.0.2.2'), 0)),
    5,
  );
  assert.is(
    times(9, () => gate.admit(from('2001:db8::1'), 0)),
    5,
  );
  assert.is(
    times(9, () => gate.admit(from('2001:db8::ffff:1'), 0)),
    0,
  );
  assert.is(
    times(9, () => gate.admit(from('2001:db8:0:1::1'), 0)),
    5,
  );
  assert.is(
    times(9, () => gate.admit(from('192.0.2.1', 7), 0)),
    5,
  );
  assert.is(
    times(9, () => gate.admit(from('192.0.2.1', 8), 0)),
    5,
  );
});

admission('memory is bounded; full, it refuses strangers until others have had their fill', () => {
  const gate = new Admission();
  const source = (i: number) => from(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  let admitted = 0;
  for (let i = 0; i < 100_000; i++) admitted += Number(gate.admit(source(i), 0));
  assert.is(gate.size, ADMISSION_SOURCES_MAX);
  assert.is(admitted, ADMISSION_SOURCES_MAX);
  assert.ok(gate.admit(source(5), 0), 'who is in stays in');
  assert.not(gate.admit(source(200_000), 49));
  assert.ok(gate.admit(source(200_000), 50), 'their buckets are full again');
  assert.ok(gate.size <= ADMISSION_SOURCES_MAX);
});

admission.run();

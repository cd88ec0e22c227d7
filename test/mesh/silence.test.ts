import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SILENT_MS, Silence } from '../../agent/mesh/silence.js';

const silence = suite('mesh/silence');

silence('two that anybody reaches, silent for long: no UDP gets out', () => {
  const here = new Silence();
  here.onKnock('192.0.2.1', 0);
  here.onKnock('192.0.2.1', 60_000);
  assert.not(here.isTotal, 'it may be away');
  here.onKnock('192.0.2.2', 60_000);
  assert.not(here.isTotal, 'the other has not had its time');
  here.onKnock('192.0.2.1', 60_000 + SILENT_MS);
  assert.ok(here.isTotal);
  here.end();
  assert.not(here.isTotal);
  here.onKnock('192.0.2.2', 100_000);
  assert.not(here.isTotal, 'it begins anew');
});

silence('of many addresses only some are kept', () => {
  const here = new Silence();
  for (let i = 0; i < 1_000; i++) here.onKnock(`192.0.2.${i}`, 0);
  assert.is((here as unknown as { since: Map<string, number> }).since.size, 8);
});

silence.run();

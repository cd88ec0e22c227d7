import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../agent/commands/context.js';
import { Failure } from '../../agent/commands/failure.js';
import { duration, invite } from '../../agent/commands/invite.js';

const invites = suite('commands/invite');
const given = { name: 'cabin', ttl: '1h', role: 'tracker,relay', subnet: '', qr: false };

/** What the mesh is asked for. */
async function asked(more: Partial<typeof given>): Promise<unknown> {
  let terms: unknown;
  const mesh = {
    invite: async (_name: string, wanted: unknown) => {
      terms = wanted;
    },
  };
  await invite.run({ mesh } as unknown as Context, { ...given, ...more });
  return terms;
}

invites('times', () => {
  const hour = 3_600_000;
  const good: [string, number][] = [
    ['1s', 1_000],
    ['90s', 90_000],
    ['30m', hour / 2],
    ['1h', hour],
    ['366d', 366 * 24 * hour],
  ];
  for (const [text, ms] of good) assert.is(duration(text), ms, text);
  for (const text of ['', '0s', '1', 'h', '-1h', '1.5h', '1h ', '1 h', '367d', '1w', '9999999s'])
    assert.throws(
      () => duration(text),
      (error: unknown) => error instanceof Failure,
      text,
    );
});

invites('roles and subnets', async () => {
  const ttlMs = 3_600_000;
  assert.equal(await asked({}), { ttlMs, roles: ['tracker', 'relay'], subnets: [] });
  assert.equal(await asked({ role: 'none' }), { ttlMs, roles: [], subnets: [] });
  const subnet = '192.168.7.9/24, fd00:7::/64';
  assert.equal(await asked({ role: ' exit', subnet }), {
    ttlMs,
    roles: ['exit'],
    subnets: ['192.168.7.0/24', 'fd00:7::/64'],
  });
});

for (const wrong of [{ role: 'admin' }, { role: 'relay,' }, { subnet: 'home' }, { ttl: 'soon' }])
  invites(`refused: ${JSON.stringify(wrong)}`, async () => {
    try {
      await asked(wrong);
    } catch (error) {
      assert.instance(error, Failure);
      return;
    }
    assert.unreachable();
  });

invites.run();

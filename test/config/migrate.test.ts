import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MIGRATIONS, type Migration, migrated, versionOf } from '../../agent/config/migrate.js';
import { CONFIG_VERSION } from '../../agent/config/schema.js';

const rename: Migration = {
  from: CONFIG_VERSION - 1,
  what: 'title is called name',
  migrate: ({ title, ...rest }) => ({ ...rest, name: title }),
};
const first: Migration = {
  from: CONFIG_VERSION - 2,
  what: 'there is a title',
  migrate: (config) => ({ title: 'cabin', ...config }),
};

const migrate = suite('config/migrate');

migrate('the steps have numbers without a gap, up to the version of today', () => {
  const wanted = MIGRATIONS.map((_, i) => CONFIG_VERSION - MIGRATIONS.length + i);
  assert.equal(
    MIGRATIONS.map(({ from }) => from),
    wanted,
  );
});

migrate('one step after the other, from where the file is', () => {
  const old = { version: CONFIG_VERSION - 2, listen: { port: 5 } };
  const all = migrated(old, [first, rename]);
  assert.equal(all.config, { version: CONFIG_VERSION, name: 'cabin', listen: { port: 5 } });
  assert.equal(all.steps, [first, rename]);
  assert.equal(old, { version: CONFIG_VERSION - 2, listen: { port: 5 } }, 'untouched');
  const later = migrated({ version: CONFIG_VERSION - 1, title: 'hut' }, [first, rename]);
  assert.equal(later.config, { version: CONFIG_VERSION, name: 'hut' });
});

migrate('what is of today, newer, older than all steps or no configuration stays as it is', () => {
  const others = [
    { version: CONFIG_VERSION },
    { version: 7 },
    { version: -9 },
    {},
    null,
    5,
    [],
    'x',
  ];
  for (const value of [...others, { version: '0' }, { version: 0.5 }]) {
    const { config, steps } = migrated(value, [rename]);
    assert.is(config, value);
    assert.equal(steps, []);
  }
  assert.is(versionOf({ version: 3 }), 3);
});

migrate.run();

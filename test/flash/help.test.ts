// What `kith flash` says of itself; a command's own code is loaded only when it is started.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../agent/control/arguments.js';
import { commandHelp, overview } from '../../agent/control/help.js';
import { FLASH_COMMANDS } from '../../flash/main.js';

const help = suite('flash/help');

help('every command stands in the overview, on one line that fits', () => {
  const lines = overview(FLASH_COMMANDS).split('\n');
  for (const { name } of FLASH_COMMANDS)
    assert.ok(
      lines.some((line) => line.startsWith(`  kith ${name}`)),
      name,
    );
  for (const line of lines) assert.ok(line.length <= 120, line);
});

for (const command of FLASH_COMMANDS) {
  help(`${command.name}: everything is explained, in 100 columns; it starts`, async () => {
    for (const line of commandHelp(command).split('\n')) {
      assert.ok(line.length <= 100 || line.startsWith('kith '), line);
      if (line.startsWith('  ')) assert.match(line, /^ {2}\S.* {2}\S/);
    }
    assert.type((await command.start()).run, 'function');
  });
}

help('several ports, as many words', () => {
  const parse = (...argv: string[]) =>
    parseArguments(['flash', 'provision', ...argv], FLASH_COMMANDS);
  assert.equal(parse('/dev/ttyUSB0', '/dev/ttyUSB1').given.port, ['/dev/ttyUSB0', '/dev/ttyUSB1']);
  assert.equal(parse('--via-agent', '/dev/ttyUSB0').given.port, ['/dev/ttyUSB0']);
  assert.throws(() => parse(), /lacks PORT/);
});

help.run();

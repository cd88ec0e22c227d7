import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure, UsageFailure } from '../../agent/commands/failure.js';
import { COMMANDS } from '../../agent/commands/registry.js';
import { flagName, parseArguments } from '../../agent/control/arguments.js';

const args = suite('control/arguments');

/** Command, what was given, and the flags that are set, in one line. */
function told(line: string): string {
  const argv = line === '' ? [] : line.split(' ');
  try {
    const parsed = parseArguments(argv, COMMANDS);
    const flags = (['json', 'watch', 'help', 'version'] as const).filter((flag) => parsed[flag]);
    const state = parsed.statePath === '/etc/kith' ? [] : [parsed.statePath];
    const rest = [...flags, ...state].join(' ');
    return `${parsed.command?.name} ${JSON.stringify(parsed.given)} ${rest}`.trim();
  } catch (error) {
    if (error instanceof UsageFailure) return error.message;
    throw error;
  }
}

const rows = [
  ['', 'undefined {}'],
  ['--help', 'undefined {} help'],
  ['help', 'undefined {} help'],
  ['--version', 'undefined {} version'],
  ['status', 'status {}'],
  ['status --json --state /x', 'status {} json /x'],
  ['--state /x --json status', 'status {} json /x'],
  ['--state=/x status --watch', 'status {} watch /x'],
  ['guest --state /x add phone --qr', 'guest add {"qr":true,"name":"phone"} /x'],
  ['--qr --endpoint a.b guest add phone', 'guest add {"qr":true,"endpoint":"a.b","name":"phone"}'],
  [
    'guest add phone --allowed-ips 10.0.0.0/8',
    'guest add {"allowedIps":"10.0.0.0/8","name":"phone"}',
  ],
  ['guest add --qr=false phone', 'guest add {"qr":false,"name":"phone"}'],
  ['guest add -- --qr', 'guest add {"name":"--qr"}'],
  ['up --set a=b --set c=d', 'up {"set":["a=b","c=d"]}'],
  ['up --set=a=b --config f', 'up {"set":["a=b"],"config":"f"}'],
  ['wg -f wg0', 'wg {"foreground":true,"name":"wg0"}'],
  ['wg --foreground wg0', 'wg {"foreground":true,"name":"wg0"}'],
  ['config get', 'config get {}'],
  ['config set a -', 'config set {"path":"a","value":"-"}'],
  ['config set listen.port 51820', 'config set {"path":"listen.port","value":"51820"}'],
  ['guest add --help', 'guest add {} help'],
  ['help guest add', 'guest add {} help'],
  ['status -h', 'status {} help'],
  ['stauts', 'unknown command "stauts", did you mean "status"?'],
  ['gest add x', 'unknown command "gest", did you mean "guest"?'],
  ['guest ad x', 'unknown command "guest ad", did you mean "guest add"?'],
  ['frobnicate', 'unknown command "frobnicate"'],
  ['guest', '"guest" alone is no command: there is guest add, guest remove'],
  ['guest add', '"guest add" lacks NAME: see kith guest add --help'],
  ['guest add a b', '"guest add" takes no further argument "b"'],
  ['config set x', '"config set" lacks VALUE: see kith config set --help'],
  ['status --jsno', 'unknown flag --jsno of "status", did you mean "--json"?'],
  ['status --qr', 'unknown flag --qr of "status"'],
  [
    'guest add x --endpiont y',
    'unknown flag --endpiont of "guest add", did you mean "--endpoint"?',
  ],
  ['guest add x --watch', 'unknown flag --watch of "guest add"'],
  ['guest add x --endpoint', '--endpoint lacks its value'],
  ['status --json=1', '--json takes no value'],
  ['--frob', 'unknown flag --frob'],
  ['status -x', 'unknown flag -x of "status"'],
] as const;
for (const [line, want] of rows) args(`kith ${line}`, () => assert.is(told(line), want));

args('a flag has one meaning: with or without a value in all commands alike', () => {
  const seen = new Map<string, string>();
  for (const command of COMMANDS) {
    for (const [key, entry] of Object.entries(command.schema.entries)) {
      if (command.positional.includes(key)) continue;
      const boolean = JSON.stringify(entry).includes('"boolean"') ? 'switch' : 'value';
      assert.is(seen.get(flagName(key)) ?? boolean, boolean, `--${flagName(key)}`);
      seen.set(flagName(key), boolean);
    }
  }
  for (const name of ['state', 'json', 'watch', 'help', 'version']) assert.not.ok(seen.has(name));
});

args('any words are parsed or refused', () => {
  const words = ['guest', 'add', '--', '-', '--state', '--qr', '=', '--=', '-f', '', 'up', '--set'];
  for (let i = 0; i < 20_000; i++) {
    const argv = Array.from(
      { length: 1 + (i % 5) },
      (_, j) => words[(i >> (3 * j)) % words.length]!,
    );
    try {
      parseArguments(argv, COMMANDS);
    } catch (error) {
      assert.instance(error, Failure, argv.join(' '));
    }
  }
});

args.run();

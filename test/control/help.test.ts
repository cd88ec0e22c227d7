import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS, findCommand } from '../../agent/commands/registry.js';
import { commandHelp, overview } from '../../agent/control/help.js';
import { VERSION } from '../../agent/control/version.js';

const help = suite('control/help');

help('the overview', () => {
  const some = ['up', 'wg', 'status', 'peers', 'guest add', 'guest remove', 'config get'];
  some.push('config set', 'config schema', 'import', 'bench');
  assert.is(
    overview(COMMANDS.filter(({ name }) => some.includes(name))),
    `kith ${VERSION}: a peer-to-peer VPN that lives on home routers

  kith up                     run the agent in the foreground
  kith wg NAME                a drop-in for wireguard-go, driven by \`wg\` and \`wg-quick\`
  kith status                 how this node is doing
  kith peers                  the peers of this node and the paths to them
  kith guest add NAME         a stock WireGuard peer (phone, laptop): prints its configuration
  kith guest remove NAME      a guest, or any other peer, is none any more
  kith config get [PATH]      print the configuration, or one value of it
  kith config set PATH VALUE  change one value of the configuration
  kith config schema          print the JSON Schema of the configuration
  kith import FILE            take over a wg-quick configuration
  kith bench                  what this machine can do, per cipher engine

  --state DIR  state folder, /etc/kith if not given
  --json       print one JSON document
  --watch      ask again every second
  --help       explain the command
  --version    print the version

kith COMMAND --help explains one of them.`,
  );
});

help('every command there is stands in it, on one line that fits', () => {
  const lines = overview(COMMANDS).split('\n');
  for (const { name } of COMMANDS)
    assert.ok(lines.some((line) => line.startsWith(`  kith ${name}`)));
  for (const line of lines) assert.ok(line.length <= 120, line);
});

help('a command', () => {
  assert.is(
    commandHelp(findCommand('guest add')!),
    `kith guest add NAME [--qr] [--conf] [--endpoint HOST] [--allowed-ips PREFIXES]

A stock WireGuard peer (phone, laptop): prints its configuration.
The private key is shown this once and kept nowhere.
Without --qr or --conf the QR code is left out where the output is no terminal.

  NAME                    what the guest is called here
  --qr                    the configuration and a QR code
  --conf                  the configuration alone
  --endpoint HOST         where the guest finds this node: host or host:port
  --allowed-ips PREFIXES  what the guest sends here, separated by commas; else the tunnel alone
  --state DIR             state folder, /etc/kith if not given
  --json                  print one JSON document
  --help                  explain the command`,
  );
});

help('a flag that may come again, a short one, one that watches', () => {
  assert.match(
    commandHelp(findCommand('up')!),
    /^kith up \[--config FILE\] \[--set PATH=VALUE …\]/,
  );
  assert.match(commandHelp(findCommand('wg')!), /^kith wg NAME \[-f\]/);
  assert.match(commandHelp(findCommand('status')!), /--watch/);
});

for (const command of COMMANDS) {
  help(`${command.name}: everything is explained, in 100 columns`, () => {
    const text = commandHelp(command);
    for (const line of text.split('\n')) {
      assert.ok(line.length <= 100, line);
      if (line.startsWith('  ')) assert.match(line, /^ {2}\S.* {2}\S/);
    }
  });
}

help.run();

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VERSION } from '../../agent/control/version.js';
import { KEY_A, KEY_B, KEY_C } from '../config/samples.js';
import { kith, PROGRAM, run, temporaryFolder } from './program.js';

const cli = suite('control/cli');

/** A fresh state folder, and `kith` on it. */
function node() {
  const state = join(temporaryFolder(), 'state');
  const here = (...args: string[]) => kith(['--state', state, ...args]);
  const text = () => readFileSync(join(state, 'kith.json'), 'utf8');
  return { state, run: here, text };
}

cli('alone it gives an overview', async () => {
  const alone = await kith([]);
  const asked = await kith(['--help']);
  assert.equal(alone, asked);
  assert.is(alone.code, 0);
  assert.is(alone.stderr, '');
  assert.match(alone.stdout, /^kith .*\n\n {2}kith up/);
  assert.is((await kith(['--version'])).stdout, `${VERSION}\n`);
  assert.match((await kith(['config', 'set', '--help'])).stdout, /^kith config set PATH VALUE\n/);
});

cli('wrong usage is 2, on standard error, as JSON too where that is asked for', async () => {
  const wrong = await kith(['stauts']);
  assert.equal(wrong, {
    code: 2,
    stdout: '',
    stderr: 'kith: unknown command "stauts", did you mean "status"?\n',
  });
  const json = await kith(['status', '--json', '--watsh']);
  assert.is(json.code, 2);
  assert.match((JSON.parse(json.stdout) as { error: string }).error, /unknown flag --watsh/);
});

cli('without an agent', async () => {
  const { state, run } = node();
  for (const command of ['status', 'peers']) {
    const { code, stdout, stderr } = await run(command);
    assert.is(code, 1);
    assert.is(stdout, '');
    assert.is(stderr, `kith: no agent is running on ${state}: start one with \`kith up\`\n`);
  }
  const get = await run('config', 'get');
  assert.is(get.code, 1);
  assert.match(get.stderr, /there is no configuration in .* yet: `kith up` makes one/);
  assert.throws(() => readdirSync(state), /ENOENT/, 'asking makes nothing');
});

cli('config set makes a node, get prints bare values', async () => {
  const { run, text } = node();
  const set = await run('config', 'set', 'listen.port', '51821');
  assert.equal(set, { code: 0, stdout: 'listen.port: 51821\n', stderr: '' });
  assert.is((await run('config', 'get', 'listen.port')).stdout, '51821\n');
  assert.is((await run('config', 'get', 'interface.name')).stdout, 'kith0\n');
  assert.is((await run('config', 'get', 'interface.name', '--json')).stdout, '"kith0"\n');
  assert.is((await run('config', 'get', 'endpoint')).stdout, 'null\n');
  const whole = JSON.parse((await run('config', 'get')).stdout) as { cipher: string };
  assert.is(whole.cipher, 'auto', 'defaults are filled in');
  assert.not.match(text(), 'cipher', 'and not written');
});

cli('a value from standard input', async () => {
  const { state, run } = node();
  const args = ['--state', state, 'config', 'set', 'endpoint', '-'];
  assert.is((await kith(args, 'home.example.org\n')).code, 0);
  assert.is((await run('config', 'get', 'endpoint')).stdout, 'home.example.org\n');
});

cli('a bad configuration gives all problems and changes nothing', async () => {
  const { run, text } = node();
  const peers = JSON.stringify([
    { name: 'a', publicKey: KEY_A, allowedIps: ['10.0.0.1/33'] },
    { name: 'a', publicKey: KEY_A, keepalive: -1 },
  ]);
  await run('config', 'set', 'listen.port', '5');
  const before = text();
  const { code, stdout, stderr } = await run('config', 'set', 'peers', peers, '--json');
  assert.is(code, 1);
  assert.is(
    stderr,
    `kith: nothing was changed:
  peers.0.allowedIps.0: must be a prefix such as 10.7.0.2/32
  peers.1.keepalive: must be a whole number from 0 to 65535
  peers.1.name: is the name of "a" too
  peers.1.publicKey: is the public key of "a" too
`,
  );
  assert.is((JSON.parse(stdout) as { problems: unknown[] }).problems.length, 4);
  assert.is(text(), before);
});

cli('the schema is JSON Schema', async () => {
  const schema = JSON.parse((await kith(['config', 'schema'])).stdout) as {
    properties: { listen: { properties: { port: object } } };
  };
  assert.equal(schema.properties.listen.properties.port, {
    type: 'integer',
    minimum: 0,
    maximum: 65535,
    default: 51820,
    description: 'UDP port; 0: any free one',
    apply: 'live',
  });
});

cli('a whole peer by its name', async () => {
  const { run } = node();
  const peer = JSON.stringify({ publicKey: KEY_A, allowedIps: ['10.9.0.2/32'] });
  assert.is((await run('config', 'set', 'peers.cabin', peer)).code, 0);
  await run('config', 'set', 'peers.cabin.endpoint', 'cabin.example:51820');
  const got = await run('config', 'get', 'peers.cabin.endpoint');
  assert.is(got.stdout, 'cabin.example:51820\n');
});

const QUICK = `[Interface]
PrivateKey = ${KEY_A}
Address = 10.9.0.2/24
ListenPort = 7000
PostUp = reboot
[Peer]
PublicKey = ${KEY_B}
PresharedKey = ${KEY_C}
AllowedIPs = 10.9.0.0/24
Endpoint = hub.example.org:51820
`;

cli('import takes over a wg-quick configuration, keys into files', async () => {
  const { state, run, text } = node();
  const file = join(temporaryFolder(), 'wg7.conf');
  writeFileSync(file, QUICK);
  const dry = await run('import', file, '--dry-run');
  assert.is(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^would take over wg7/);
  assert.throws(() => readdirSync(state), /ENOENT/, 'a dry run makes nothing');

  const { code, stderr } = await run('import', file);
  assert.is(code, 0, stderr);
  assert.is(stderr, 'line 5: PostUp: scripts are not taken over\n');
  const written = JSON.parse(text()) as Record<string, unknown>;
  assert.equal(written.interface, { name: 'wg7', mtu: 1420, addresses: ['10.9.0.2/24'] });
  assert.equal(written.listen, { port: 7000 });
  assert.is(written.privateKeyFile, 'wg7.key');
  for (const [name, key] of [
    ['wg7.key', KEY_A],
    ['peer1.psk', KEY_C],
  ] as const) {
    assert.is(readFileSync(join(state, name), 'utf8').trim(), key);
    assert.is(statSync(join(state, name)).mode & 0o777, 0o600);
  }
  for (const key of [KEY_A, KEY_C]) assert.not.ok(text().includes(key), 'no key in kith.json');

  const again = await run('import', file);
  assert.match(again.stderr, /has peers already \(1\): --replace drops them/);
  assert.is((await run('import', file, '--replace')).code, 0);
});

cli('import says all that is wrong with its line', async () => {
  const { state, run } = node();
  const file = join(temporaryFolder(), 'wg7.conf');
  writeFileSync(file, QUICK.replace('10.9.0.2/24', 'x').replace('ListenPort', 'LissenPort'));
  const { code, stderr } = await run('import', file);
  assert.is(code, 1);
  assert.match(
    stderr,
    /\n {2}line 3: Address "x" is no address\n {2}line 4: "LissenPort" is unknown/,
  );
  assert.throws(() => readdirSync(state), /ENOENT/);
  assert.match((await run('import', '/nowhere/wg0.conf')).stderr, /there is no such file/);
});

cli('a reader that has seen enough is no error', async () => {
  const line = `"${process.execPath}" "${PROGRAM}" config schema | head -1`;
  assert.equal(await run('sh', ['-c', line]), { code: 0, stdout: '{\n', stderr: '' });
});

cli.run();

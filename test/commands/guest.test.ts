import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kith, temporaryFolder } from '../control/program.js';
import { decode } from './zbar.js';

const guest = suite('commands/guest');

/** A state folder with a node that has told where it is. */
async function home(...settings: string[]): Promise<string> {
  const state = join(temporaryFolder(), 'state');
  await kith(['--state', state, 'config', 'set', 'endpoint', 'home.example.org']);
  for (const setting of settings) {
    const [path = '', value = ''] = setting.split('=');
    const set = await kith(['--state', state, 'config', 'set', path, value]);
    assert.is(set.code, 0, set.stderr);
  }
  return state;
}

const field = (text: string, key: string) => new RegExp(`^${key} = (.*)$`, 'm').exec(text)?.[1];

guest('a complete configuration, which wg and wg-quick take', async () => {
  const state = await home('interface.addresses=10.7.0.1/24,fd00::1/64', 'guests.dns=10.7.0.1');
  const { code, stdout, stderr } = await kith([
    '--state',
    state,
    'guest',
    'add',
    'phone',
    '--conf',
  ]);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  assert.is(field(stdout, 'Address'), '10.7.0.2/32, fd00::2/128');
  assert.is(field(stdout, 'DNS'), '10.7.0.1');
  assert.is(field(stdout, 'Endpoint'), 'home.example.org:51820');
  assert.is(field(stdout, 'AllowedIPs'), '10.7.0.0/24, fd00::/64');
  assert.is(field(stdout, 'PersistentKeepalive'), '25');

  const file = join(state, 'phone.conf');
  writeFileSync(file, stdout, { mode: 0o600 });
  const stripped = execFileSync('wg-quick', ['strip', file]).toString();
  const privateKey = field(stdout, 'PrivateKey')!;
  assert.is(field(stripped, 'PrivateKey'), privateKey);
  const publicKey = execFileSync('wg', ['pubkey'], { input: privateKey }).toString().trim();
  const written = readFileSync(join(state, 'kith.json'), 'utf8');
  assert.match(written, JSON.stringify(publicKey));
  assert.is(readFileSync(join(state, 'phone.psk'), 'utf8').trim(), field(stdout, 'PresharedKey'));
  assert.is(statSync(join(state, 'phone.psk')).mode & 0o777, 0o600);
  const own = JSON.parse((await kith(['--state', state, 'config', 'get', 'peers.phone'])).stdout);
  assert.equal(own.allowedIps, ['10.7.0.2/32', 'fd00::2/128']);
});

guest('the private key is shown once and stored nowhere', async () => {
  const state = await home();
  const { stdout } = await kith(['--state', state, 'guest', 'add', 'phone', '--conf']);
  const secret = field(stdout, 'PrivateKey')!;
  for (const name of readdirSync(state)) {
    const bytes = readFileSync(join(state, name));
    assert.not.ok(bytes.includes(secret), name);
    assert.not.ok(bytes.includes(Buffer.from(secret, 'base64')), name);
  }
});

guest('every guest has keys and addresses of its own', async () => {
  const state = await home();
  const texts: string[] = [];
  for (const name of ['a', 'b', 'c'])
    texts.push((await kith(['--state', state, 'guest', 'add', name, '--conf'])).stdout);
  for (const key of ['PrivateKey', 'PresharedKey', 'Address'])
    assert.is(new Set(texts.map((text) => field(text, key))).size, 3, key);
  assert.is(new Set(texts.map((text) => field(text, 'PublicKey'))).size, 1, 'of the node');
});

const refusals: Array<[string, string[], number, RegExp]> = [
  ['the same name again', ['a'], 1, /there is a peer "a" already: take another name/],
  ['a name with capitals', ['My Phone'], 1, /"My Phone" cannot be a name.*how about my-phone\?/],
  ['an endpoint that is none', ['b', '--endpoint', 'a b'], 1, /--endpoint: "a b" is no host/],
  ['allowed IPs that are none', ['b', '--allowed-ips', '10.0.0.0/8,x'], 1, /"x" is no prefix/],
  ['no name', [], 2, /"guest add" lacks NAME/],
];
guest('what is refused changes nothing', async () => {
  const state = await home();
  await kith(['--state', state, 'guest', 'add', 'a']);
  const before = readFileSync(join(state, 'kith.json'), 'utf8');
  const files = readdirSync(state);
  for (const [name, args, want, sentence] of refusals) {
    const { code, stdout, stderr } = await kith(['--state', state, 'guest', 'add', ...args]);
    assert.is(code, want, name);
    assert.is(stdout, '', name);
    assert.match(stderr, sentence);
    assert.is(stderr.trim().split('\n').length, 1, `one line: ${stderr}`);
  }
  assert.is(readFileSync(join(state, 'kith.json'), 'utf8'), before);
  assert.equal(readdirSync(state), files);
});

guest('no address left, none to give, no port to tell', async () => {
  const full = await home('interface.addresses=10.7.0.1/30');
  await kith(['--state', full, 'guest', 'add', 'a']);
  const second = await kith(['--state', full, 'guest', 'add', 'b']);
  assert.match(second.stderr, /no address is left/);
  const none = await home('interface.addresses=');
  const first = await kith(['--state', none, 'guest', 'add', 'a']);
  assert.match(first.stderr, /has no addresses to give from: set interface.addresses/);
  const portless = await home('listen.port=0');
  const third = await kith(['--state', portless, 'guest', 'add', 'a']);
  assert.match(third.stderr, /listen.port is 0/);
  assert.equal([second.code, first.code, third.code], [1, 1, 1]);
});

guest('where it is not told, the address is a guess and is called one', async () => {
  const state = join(temporaryFolder(), 'state');
  const { stdout, stderr, code } = await kith(['--state', state, 'guest', 'add', 'a', '--conf']);
  if (code === 0) {
    assert.match(stderr, /^Endpoint .* is a guess/);
    assert.match(field(stdout, 'Endpoint') ?? '', /^(\d+\.){3}\d+:51820$|^\[[\da-f:]+\]:51820$/);
  } else {
    assert.match(stderr, /this machine has no address to tell/); // no route at all
  }
});

guest('told endpoints and allowed IPs', async () => {
  const state = await home();
  const add = async (name: string, ...args: string[]) =>
    (await kith(['--state', state, 'guest', 'add', name, ...args])).stdout;
  const a = await add('a', '--endpoint', '[2001:db8::1]:7', '--allowed-ips', '0.0.0.0/0, ::/0');
  assert.is(field(a, 'Endpoint'), '[2001:db8::1]:7');
  assert.is(field(a, 'AllowedIPs'), '0.0.0.0/0, ::/0');
  assert.is(field(await add('b', '--endpoint', '2001:db8::1'), 'Endpoint'), '[2001:db8::1]:51820');
});

guest('as JSON; the QR code only where it is asked for or seen', async () => {
  const state = await home();
  const json = await kith(['--state', state, 'guest', 'add', 'a', '--json']);
  const { configuration, name } = JSON.parse(json.stdout) as Record<string, string>;
  assert.is(name, 'a');
  assert.match(configuration ?? '', /^\[Interface\]/);
  const piped = await kith(['--state', state, 'guest', 'add', 'b']);
  assert.not.match(piped.stdout, /█/);
  const asked = await kith(['--state', state, 'guest', 'add', 'c', '--qr']);
  const [printed = '', code = ''] = asked.stdout.split(/\n\n(?=█)/);
  assert.is(decode(code.trimEnd(), 'light'), printed, 'a phone reads what is printed');
});

guest('a guest that is removed leaves nothing', async () => {
  const state = await home();
  await kith(['--state', state, 'guest', 'add', 'phone']);
  const wrong = await kith(['--state', state, 'guest', 'remove', 'phnoe']);
  assert.match(wrong.stderr, /there is no peer "phnoe", did you mean "phone"\?/);
  const right = await kith(['--state', state, 'guest', 'remove', 'phone']);
  assert.is(right.code, 0, right.stderr);
  assert.equal(readdirSync(state).sort(), ['identity', 'kith.json', 'kith.last.json']);
  assert.not.match(readFileSync(join(state, 'kith.json'), 'utf8'), 'phone');
});

guest.run();

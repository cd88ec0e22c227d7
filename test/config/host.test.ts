import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatHost, literalEndpoint, parseHost, parseHostAlone } from '../../agent/config/host.js';

const host = suite('config/host');

const good = [
  ['home.example.org:51820', 'home.example.org', 51820],
  ['192.0.2.7:1', '192.0.2.7', 1],
  ['[2001:DB8::1]:65535', '2001:db8::1', 65535],
  ['router:51820', 'router', 51820],
  ['a_b.example:5', 'a_b.example', 5],
] as const;
for (const [text, name, port] of good) {
  host(`reads ${text}`, () => assert.equal(parseHost(text), { host: name, port }));
}

const bad = ['', 'home', 'home:', ':5', 'home:0', 'home:65536', '300.1.2.3:5', '[192.0.2.1]:5'];
bad.push('2001:db8::1:5', 'a b:5', '-a:5', 'a..b:5', `${'a'.repeat(64)}:5`, 'home:5 ', '[::1:5');
for (const text of bad) host(`refuses "${text}"`, () => assert.is(parseHost(text), undefined));

host('an address needs no resolving, a name does', () => {
  assert.equal(literalEndpoint({ host: '2001:db8::1', port: 5 }), {
    address: '2001:db8::1',
    port: 5,
  });
  assert.is(literalEndpoint({ host: 'home', port: 5 }), undefined);
});

host('without a port', () => {
  assert.is(parseHostAlone('2001:DB8::1'), '2001:db8::1');
  assert.is(parseHostAlone('Home.Example.org'), 'home.example.org');
  assert.is(parseHostAlone('home:5'), undefined);
  assert.is(formatHost({ host: '2001:db8::1', port: 5 }), '[2001:db8::1]:5');
});

host.run();

// slow: waits for deadlines of three seconds
// deadline: 60
// Routers that lie, flood or sleep. What is behind "elsewhere" must never be asked.

import type { ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UpnpClient } from '../../agent/discovery/upnp.js';
import { description, found, IgdRouter, type Manners, obey, reply } from './igdrouter.js';

const PATIENCE_MS = 20_000; // far more than all deadlines of one attempt
const FLOOD_MAX = 8_000_000; // what the kernel's buffers take in before we hang up

/** True where the client gave up once, and mapped nothing. */
async function givesUp(manners: Manners): Promise<boolean> {
  const router = await IgdRouter.start(manners);
  let failed = 0;
  let mapped = 0;
  const client = new UpnpClient({
    gateway: '127.0.0.1',
    gatewayPort: router.ssdpPort,
    port: 51820,
    suggested: 51820,
    random: () => Uint8Array.of(0, 5),
    onMapped: () => mapped++,
    onFailed: () => failed++,
  });
  client.start();
  const began = performance.now();
  while (failed + mapped === 0 && performance.now() - began < PATIENCE_MS)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await client.stop(true);
  router.stop();
  return failed === 1 && mapped === 0;
}

/** Writes until the other side hangs up; how much went out is added to `flood`. */
const flood = { bytes: 0 };
function pour(response: ServerResponse, text: string): void {
  const more = () => {
    if (response.destroyed || flood.bytes > 10 * FLOOD_MAX) return;
    flood.bytes += text.length;
    response.write(text, () => setImmediate(more));
  };
  more();
}

function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write(' '), 100);
  response.on('close', () => clearInterval(timer));
}

const describe = (text: string): Manners => ({ describe: (_, response) => response.end(text) });
/** All is well but the address outside. */
const outside = (content: string): Manners => ({
  control: (call, response) => {
    if (call.action === 'GetExternalIPAddress') response.end(reply(call.action, content));
    else obey(call, response);
  },
});
const control = (text: string): Manners => ({ control: (_, response) => response.end(text) });

const hostile = suite('discovery/upnphostile');

hostile('answers without end, or without haste, are cut off', async () => {
  const text = 'x'.repeat(65_536);
  flood.bytes = 0;
  const all = await Promise.all([
    givesUp({ describe: (_, response) => pour(response, text) }),
    givesUp({ control: (_, response) => pour(response, text) }),
    givesUp({ describe: (_, response) => drip(response) }),
    givesUp({ describe: () => {} }),
    givesUp({ control: (_, response) => drip(response) }),
  ]);
  assert.equal(all, [true, true, true, true, true]);
  assert.ok(flood.bytes < 3 * FLOOD_MAX, `${flood.bytes} bytes poured`);
});

hostile('nothing leads away from the gateway', async () => {
  const elsewhere = await IgdRouter.start({}, '127.0.0.2');
  const { url } = elsewhere;
  const named = url.replace('127.0.0.2', 'localhost');
  const away = (status: number): Manners => ({
    describe: (_, response) => response.writeHead(status, { location: `${url}/d.xml` }).end(),
  });
  const cases: Record<string, Manners> = {
    location: { location: () => `${url}/d.xml` },
    name: { location: () => `${named}/d.xml` },
    user: { location: (own) => own.replace('127.0.0.1', `127.0.0.1@127.0.0.2`) },
    scheme: { location: () => 'file:///etc/passwd' },
    moved: away(301),
    found: away(307),
    base: describe(description({ before: `<URLBase>${url}/</URLBase>` })),
    control: describe(onlyControl(`${url}/control`)),
    network: describe(onlyControl(`${url.slice('http:'.length)}/control`)),
    call: { control: (_, response) => response.writeHead(308, { location: `${url}/c` }).end() },
  };
  const names = Object.keys(cases);
  const all = await Promise.all(names.map((name) => givesUp(cases[name] ?? {})));
  elsewhere.stop();
  assert.equal(
    names.filter((_, i) => !all[i]),
    [],
  );
  assert.equal(elsewhere.calls, []);
});

/** A description whose only service is called at this address. */
function onlyControl(address: string): string {
  return description({ control: address }).replace(/<controlURL>\/ppp<\/controlURL>/, '');
}

hostile('what cannot be read is no gateway', async () => {
  const many = '<service><serviceType>x</serviceType></service>'.repeat(1_000);
  const cases: Record<string, Manners> = {
    empty: describe(''),
    cut: describe(description().slice(0, -3)),
    'not xml': describe('{"xml": false}'),
    'many services': describe(description({ before: many })),
    'an entity': describe(`<!DOCTYPE root [<!ENTITY a "b">]>${description()}`),
    'another service': describe(description({ type: 'urn:x' }).replace(/WANPPP/, 'x')),
    'a long address': describe(onlyControl(`/${'c'.repeat(300)}`)),
    'port 0': { location: (own) => own.replace(/:\d+\//, ':0/') },
    'large headers': {
      describe: (_, response) =>
        response.writeHead(200, { a: 'x'.repeat(10_000) }).end(description()),
    },
    'not http': { describe: (_, response) => response.socket?.end('220 hello\r\n') },
    'cut off': {
      describe: (_, response) => {
        response.writeHead(200, { 'content-length': '100000' });
        response.write(description(), () => response.socket?.end());
      },
    },
    'an error': { describe: (_, response) => response.writeHead(404).end(description()) },
    'another answer': control(reply('Other')),
    'a page': control('<html></html>'),
    'no address': outside(''),
    'a wrong address': outside('<NewExternalIPAddress>1.2.3</NewExternalIPAddress>'),
    'an address of IPv6': outside('<NewExternalIPAddress>2001:db8::1</NewExternalIPAddress>'),
    'a mapping that is none': {
      control: (call, response) => {
        if (call.action === 'AddPortMapping') response.end(reply('Other'));
        else obey(call, response);
      },
    },
  };
  const names = Object.keys(cases);
  const all = await Promise.all(names.map((name) => givesUp(cases[name] ?? {})));
  assert.equal(
    names.filter((_, i) => !all[i]),
    [],
  );
});

hostile('answers to a search that are none', async () => {
  const cases: NonNullable<Manners['search']>[] = [
    () => [Buffer.alloc(65_000, 0xff), Buffer.alloc(0), 'HTTP/1.1 200 OK\r\n\r\n'],
    (location) => [found(location).replace('200 OK', '404 None')],
    (location) => [found(location, 'MediaServer:1')],
    (location) => [found(location).replace('LOCATION: ', `LOCATION: ${'x'.repeat(3_000)}`)],
    () => [found('::::'), found('http://'), found('')],
  ];
  const all = await Promise.all(cases.map((search) => givesUp({ search })));
  assert.equal(all, [true, true, true, true, true]);
});

hostile('another machine that answers first is not heard', async () => {
  const liar = await IgdRouter.start({}, '127.0.0.2');
  const manners: Manners = { search: () => [] };
  const router = await IgdRouter.start(manners);
  router.socket.on('message', (_, from) => {
    liar.socket.send(found(`${router.url}/description.xml`), from.port, from.address);
  });
  let failed = 0;
  const client = new UpnpClient({
    gateway: '127.0.0.1',
    gatewayPort: router.ssdpPort,
    port: 51820,
    suggested: 51820,
    random: () => Uint8Array.of(0, 5),
    onMapped: () => {},
    onFailed: () => failed++,
  });
  client.start();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await client.stop(false);
  assert.is(failed, 0);
  assert.equal([...router.calls, ...liar.calls], []);
  router.stop();
  liar.stop();
});

hostile.run();

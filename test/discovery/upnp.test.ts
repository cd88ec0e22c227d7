import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Endpoint } from '../../agent/bytes/address.js';
import { UpnpClient } from '../../agent/discovery/upnp.js';
import { description, fault, IgdRouter, type Manners, obey, reply } from './igdrouter.js';

type Outcome = Readonly<{ mapped: Endpoint[]; failed: number; router: IgdRouter }>;

/** Asks a router of these manners, until it has given a port or the client gave up. */
async function ask(
  manners: Manners,
  then: (client: UpnpClient, router: IgdRouter) => Promise<void> = async () => {},
): Promise<Outcome> {
  const router = await IgdRouter.start(manners);
  const mapped: Endpoint[] = [];
  let failed = 0;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const client = new UpnpClient({
    gateway: '127.0.0.1',
    gatewayPort: router.ssdpPort,
    port: 51820,
    suggested: 51821,
    random: () => Uint8Array.of(0, 5),
    onMapped: (endpoint) => {
      mapped.push(endpoint);
      end();
    },
    onFailed: () => {
      failed++;
      end();
    },
  });
  client.start();
  await ended;
  await then(client, router);
  await client.stop(false);
  router.stop();
  return { mapped, failed, router };
}

const argument = (body: string, name: string) =>
  new RegExp(`<New${name}>([^<]*)</New${name}>`).exec(body)?.[1];

/** A router that refuses the first additions with these codes. */
function refusing(...codes: number[]): Manners {
  return {
    control: (call, response) => {
      const code = call.action === 'AddPortMapping' ? codes.shift() : undefined;
      if (code === undefined) obey(call, response);
      else fault(response, code);
    },
  };
}

async function additions(...codes: number[]): Promise<{ asked: string[]; outcome: Outcome }> {
  const outcome = await ask(refusing(...codes));
  const asked = outcome.router.calls
    .filter(({ action }) => action === 'AddPortMapping')
    .map(({ body }) => `${argument(body, 'ExternalPort')} ${argument(body, 'LeaseDuration')}`);
  return { asked, outcome };
}

const upnp = suite('discovery/upnp');

upnp('a port is mapped for two hours, and given back', async () => {
  const { mapped, failed, router } = await ask({}, (client) => client.stop(true));
  assert.equal(mapped, [{ address: '198.51.100.7', port: 51821 }]);
  assert.is(failed, 0);
  assert.equal(
    router.calls.map(({ action }) => action),
    ['/description.xml', 'GetExternalIPAddress', 'AddPortMapping', 'DeletePortMapping'],
  );
  const [, , { body: added } = { body: '' }, { body: deleted } = { body: '' }] = router.calls;
  const names = ['RemoteHost', 'ExternalPort', 'Protocol'];
  const more = ['InternalPort', 'InternalClient', 'Enabled', 'LeaseDuration'];
  assert.equal(
    [...names, ...more].map((name) => argument(added, name)),
    ['', '51821', 'UDP', '51820', '127.0.0.1', '1', '7200'],
  );
  assert.equal(
    names.map((name) => argument(deleted, name)),
    ['', '51821', 'UDP'],
  );
});

upnp('a router that has other ideas of port and lease is followed', async () => {
  const conflict = await additions(718);
  assert.equal(conflict.asked, ['51821 7200', '49157 7200']);
  assert.is(conflict.outcome.mapped[0]?.port, 49157);
  assert.equal((await additions(725)).asked, ['51821 7200', '51821 0']);
  assert.equal((await additions(724, 725)).asked, ['51821 7200', '51820 7200', '51820 0']);
});

upnp('a router that refuses is asked four times at most', async () => {
  const never = await additions(718, 718, 718, 718, 718, 718, 718, 718);
  assert.is(never.asked.length, 2 * 4, 'four of each service');
  assert.is(never.outcome.failed, 1);
  const forbidden = await additions(606, 606);
  assert.is(forbidden.asked.length, 2);
  assert.is(forbidden.outcome.failed, 1);
});

upnp('where one line is down, the other service is asked', async () => {
  let asked = 0;
  const down = '<NewExternalIPAddress>0.0.0.0</NewExternalIPAddress>';
  const { mapped, router } = await ask({
    control: (call, response) => {
      if (asked++ === 0) response.end(reply(call.action, down));
      else obey(call, response);
    },
  });
  assert.is(mapped.length, 1);
  assert.match(router.calls.at(-1)?.body ?? '', 'WANPPPConnection:1');
});

upnp('the service may be given relative to a base, with an entity in its address', async () => {
  const { mapped, router } = await ask({
    describe: (request, response) => {
      const before = `<URLBase>http://${request.headers.host}/x/</URLBase>`;
      response.end(description({ before, control: 'control?a=1&amp;b=2' }));
    },
  });
  assert.is(mapped.length, 1);
  assert.is(router.calls.at(-1)?.path, '/x/control?a=1&b=2');
});

upnp('nothing is heard or called after the end', async () => {
  const router = await IgdRouter.start({});
  let told = 0;
  const client = new UpnpClient({
    gateway: '127.0.0.1',
    gatewayPort: router.ssdpPort,
    port: 51820,
    suggested: 51820,
    random: () => Uint8Array.of(0, 5),
    onMapped: () => told++,
    onFailed: () => told++,
  });
  client.start();
  await client.stop(true);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.is(told, 0);
  assert.is(router.calls.length, 0);
  router.stop();
});

upnp.run();

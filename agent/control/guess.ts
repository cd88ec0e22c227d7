// Where others may reach this node, as far as it can be told without having been reached.

import type { Endpoint } from '../bytes/address.js';
import type { Store } from '../commands/context.js';
import { parseHost, parseHostAlone } from '../config/host.js';
import { lookUp } from './lookup.js';

/** As configured, else the address that this machine's datagrams leave from. */
export async function guessEndpoints(
  store: Store,
  sourceAddress: () => Promise<string | undefined>,
): Promise<Endpoint[]> {
  const { endpoint, listen } = store.read();
  const whole = endpoint === null ? undefined : parseHost(endpoint);
  const host = whole?.host ?? (endpoint === null ? undefined : parseHostAlone(endpoint));
  const port = whole?.port ?? listen.port;
  if (port === 0) return [];
  if (host !== undefined) {
    const found = await lookUp(host);
    return 'addresses' in found ? found.addresses.map((address) => ({ address, port })) : [];
  }
  const address = await sourceAddress();
  return address === undefined ? [] : [{ address, port }];
}

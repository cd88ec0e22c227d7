import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultGateway, isOutside } from '../../agent/discovery/gateway.js';

const gateway = suite('discovery/gateway');

gateway('the default gateway is the one of the lowest metric', () => {
  const head = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n';
  const line = (address: string, metric: number) =>
    `eth0\t00000000\t${address}\t0003\t0\t0\t${metric}\t00000000\t0\t0\t0\n`;
  const lines = head + line('0101A8C0', 100) + line('FE01A8C0', 50);
  assert.is(
    defaultGateway(() => lines),
    '192.168.1.254',
  );
  assert.is(
    defaultGateway(() => head),
    undefined,
  );
});

gateway('a kernel without such a table has no gateway for us', () => {
  const none = () => {
    throw new Error('no such file');
  };
  assert.is(defaultGateway(none), undefined);
});

gateway('an address outside is none of a home, a provider or nobody', () => {
  const outside = ['198.51.100.7', '100.63.255.255', '100.128.0.1', '172.32.0.1', '11.0.0.1'];
  for (const address of outside) assert.ok(isOutside(address), address);
  const inside = ['10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '100.127.255.255'];
  for (const address of [...inside, '169.254.1.1', '0.0.0.0', '127.0.0.1'])
    assert.not.ok(isOutside(address), address);
});

gateway.run();

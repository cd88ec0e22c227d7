import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultGateway, isOutside, wayOut } from '../../agent/discovery/gateway.js';

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

const HEAD = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n';
const NOTHING = '0'.repeat(32);
const USES = '00000001 00000000 00200200'; // the last: RTF_REJECT
const REJECTED = `${NOTHING} 00 ${NOTHING} 00 ${NOTHING} ffffffff ${USES} lo\n`;
const row6 = (gateway: string, metric: string, device = 'eth0', use = '00000000') =>
  `${NOTHING} 00 ${NOTHING} 00 ${gateway} ${metric} 00000003 ${use} 00000003 ${device}\n`;
const [ROUTER, OTHER] = ['fe800000000000000000000000000001', 'fe800000000000000000000000000002'];

gateway('the way out is another one when a default route is, of either family', () => {
  const ways = (ipv4: string, ipv6: string) =>
    wayOut('kith0', { ipv4: () => HEAD + ipv4, ipv6: () => REJECTED + ipv6 });
  const four = 'ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n';
  const half = 'tun1\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n';
  const before = ways(four, row6(ROUTER, '00000400'));
  assert.is(before, `ppp0 00000000, eth0 ${ROUTER}`);
  assert.is(ways(half + four, row6(ROUTER, '00000400', 'eth0', '00000009')), before);
  assert.is(ways(four, row6(NOTHING, '00000001', 'kith0') + row6(ROUTER, '00000400')), before);
  assert.is.not(ways(four, row6(OTHER, '00000400')), before);
  assert.is.not(ways(four, row6(ROUTER, '00000400', 'wwan0')), before);
  assert.is.not(ways(four, ''), before);
  assert.is.not(ways(four.replace('ppp0', 'eth1'), row6(ROUTER, '00000400')), before);
  const both = row6(ROUTER, '00000400') + row6(OTHER, '00000300');
  assert.is(ways('', both), `none, eth0 ${OTHER}`);
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

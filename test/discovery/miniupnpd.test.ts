// slow: a router for each protocol, restarted once
// deadline: 120
// A real router's daemon in namespaces: home -- router -- net. miniupnpd takes no address of the
// documentation ranges for one outside, hence those of 11.0.0.0/8, which nothing here leaves by.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Daemon } from '../lab/daemon.js';
import { Lab } from '../lab/namespaces.js';

const RULES = `
  table inet filter {
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
    chain prerouting {
      type nat hook prerouting priority dstnat;
      jump prerouting_miniupnpd
    }
    chain postrouting {
      type nat hook postrouting priority srcnat;
      jump postrouting_miniupnpd
      oifname wan0 masquerade
    }
    chain forward {
      type filter hook forward priority filter; policy drop;
      ct state established,related accept
      iifname lan0 accept
      jump miniupnpd
    }
  }`;

const CONFIGURATION = [
  'ext_ifname=wan0',
  'listening_ip=lan0',
  'http_port=5000',
  'secure_mode=yes',
  'uuid=00000000-0000-0000-0000-000000000001',
  'upnp_table_name=filter',
  'upnp_nat_table_name=filter',
  'upnp_forward_chain=miniupnpd',
  'upnp_nat_chain=prerouting_miniupnpd',
  'upnp_nat_postrouting_chain=postrouting_miniupnpd',
];
const OWN_PORTS = ['allow 1024-65535 192.168.1.0/24 1024-65535', 'deny 0-65535 0.0.0.0/0 0-65535'];

/** `speaks`: lines of its configuration. `ready`: what it says when it can be asked. */
type Way = Readonly<{ name: string; speaks: string[]; ready: string; log: string; rules: string }>;

class Home {
  private daemon: Daemon | undefined;

  private constructor(
    private readonly lab: Lab,
    private readonly way: Way,
  ) {}

  static async build(lab: Lab, way: Way): Promise<Home> {
    for (const name of ['home', 'router', 'net']) await lab.namespace(name);
    await lab.connect('home', 'router', {
      names: ['lan0', 'lan0'],
      addresses: [['192.168.1.20/24'], ['192.168.1.1/24']],
    });
    await lab.connect('router', 'net', {
      names: ['wan0', 'wan0'],
      addresses: [['11.0.0.7/24'], ['11.0.0.1/24']],
    });
    await lab.must('home', 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
    await lab.forward('router');
    const home = new Home(lab, way);
    await home.startRouter();
    return home;
  }

  /** Begins with no mappings, as after a loss of power. */
  async startRouter(): Promise<void> {
    const { lab, way } = this;
    this.daemon?.kill();
    await this.daemon?.exited;
    await lab.run('router', 'nft', 'delete', 'table', 'inet', 'filter');
    await lab.nft('router', RULES + way.rules);
    const file = join(lab.folder, 'miniupnpd.conf');
    writeFileSync(file, [...CONFIGURATION, ...way.speaks, ...OWN_PORTS, ''].join('\n'));
    const pid = join(lab.folder, 'miniupnpd.pid');
    const daemon = lab.spawn('router', 'miniupnpd', '-d', '-f', file, '-P', pid);
    this.daemon = daemon;
    await lab.waitFor(() => daemon.log.includes(way.ready), 10_000, 'miniupnpd ready');
  }

  startMapper(): Daemon {
    const program = ['--import', 'tsx', 'test/discovery/mapper.ts'];
    return this.lab.spawn('home', process.execPath, ...program);
  }

  async send(text: string): Promise<void> {
    const code = `const socket = require('dgram').createSocket('udp4');
      socket.send('${text}', 51820, '11.0.0.7', () => socket.close())`;
    await this.lab.must('net', process.execPath, '-e', code);
  }

  async mappings(): Promise<string> {
    return this.lab.must(
      'router',
      'nft',
      'list',
      'chain',
      'inet',
      'filter',
      'prerouting_miniupnpd',
    );
  }

  get routerLog(): string {
    return this.daemon?.log ?? '';
  }
}

async function mapsMovesAndGivesBack(home: Home, lab: Lab): Promise<void> {
  const mapper = home.startMapper();
  await lab.waitFor(() => mapper.log.includes('mapped '), 30_000, 'a mapping');
  assert.match(mapper.log, 'mapped 11.0.0.7:51820\n', home.routerLog);
  await home.send('hello');
  await lab.waitFor(() => mapper.log.includes('got hello'), 5_000, 'the datagram at home');

  await home.startRouter();
  await home.send('lost');
  mapper.write('moved\n');
  await lab.waitFor(
    async () => (await home.mappings()).includes('51820'),
    20_000,
    'a mapping after the router was gone',
  );
  await home.send('again');
  await lab.waitFor(() => mapper.log.includes('got again'), 5_000, 'the second datagram');
  assert.not.match(mapper.log, 'got lost');
  assert.not.match(mapper.log, 'mapped none', 'the same mapping is no news');

  mapper.write('stop\n');
  assert.is(await mapper.exited, 0, mapper.log);
  await lab.waitFor(
    async () => !(await home.mappings()).includes('51820'),
    5_000,
    'the port given back',
  );
}

/** The router's filter drops all that is of version 2: PCP is met with silence. */
const NO_PCP = `
  table inet filter {
    chain input {
      type filter hook input priority filter;
      udp dport 5351 @th,64,8 2 drop
    }
  }`;

const WAYS: readonly Way[] = [
  {
    name: 'PCP',
    speaks: ['enable_natpmp=yes', 'enable_upnp=no'],
    ready: 'NAT-PMP/PCP traffic on port',
    log: 'PCP MAP: added mapping',
    rules: '',
  },
  {
    name: 'NAT-PMP',
    speaks: ['enable_natpmp=yes', 'enable_upnp=no'],
    ready: 'NAT-PMP/PCP traffic on port',
    log: 'NAT-PMP port mapping request',
    rules: NO_PCP,
  },
  {
    name: 'UPnP',
    speaks: ['enable_natpmp=no', 'enable_upnp=yes'],
    ready: 'HTTP listening on port',
    log: 'AddPortMapping',
    rules: '',
  },
];

const miniupnpd = suite('discovery/miniupnpd');

for (const way of WAYS) {
  miniupnpd(`${way.name}: mapped, reached, mapped again after a move, given back`, async () => {
    const lab = await Lab.create('portmap');
    try {
      const home = await Home.build(lab, way);
      await mapsMovesAndGivesBack(home, lab);
      assert.match(home.routerLog, way.log);
    } finally {
      await lab.dispose();
    }
  });
}

miniupnpd.run();

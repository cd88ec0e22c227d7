// A small internet out of network namespaces: one router in the middle, and homes around it, each
// with a public address and, except where it is directly on the internet, a NAT before it.
//
//   anna ── lan ── anna-nat ── wan ──┐
//                                   net ── wan ── hill      (public: no NAT)
//   bert ── lan ── bert-nat ── wan ──┘
//
// Public addresses are those reserved for documentation (RFC 5737). Every home has a host route, so
// that it may move to any address.

import { NAT_KINDS, type NatKind, natRules } from './nat.js';

/** What makes namespaces: the lab of the tests, or that of `kith lab`. */
export interface Network {
  namespace(label: string): Promise<void>;
  /** A veth pair, both ends up; `names` are the interfaces in a and in b. */
  connect(a: string, b: string, options: { names: readonly [string, string] }): Promise<void>;
  /** Runs a command in a namespace; rejects with what it wrote where it fails. */
  must(label: string, ...command: string[]): Promise<string>;
  nft(label: string, rules: string): Promise<void>;
  forward(label: string): Promise<void>;
}

export const HOME_KINDS = ['public', ...NAT_KINDS] as const;
export type HomeKind = (typeof HOME_KINDS)[number];

export type Home = {
  readonly label: string; // the namespace of its host
  kind: HomeKind;
  address: string; // public, of its host or its NAT
  cut: boolean;
  readonly inside: string; // of its host: the public one, or one behind the NAT
  readonly mapped?: Readonly<{ inside: number; outside: number }> | undefined;
};

/** All of it as plain data, so that another process can go on with it. */
export type InternetState = { homes: Home[]; given: number; zone: number };

const CENTRE = 'net';
const GATEWAY = '198.51.100.1'; // everybody's next hop
const RANGES = ['198.51.100', '203.0.113'] as const;
const ADDRESSES_MAX = 2 * 200; // given out in turn, 10 to 209 of each range
const ZONES_MAX = 65_535;

export class Internet {
  private constructor(
    private readonly network: Network,
    readonly state: InternetState,
  ) {}

  static async make(network: Network): Promise<Internet> {
    await network.namespace(CENTRE);
    await network.forward(CENTRE);
    // unreachable addresses are silent here, as on the real one
    await network.nft(
      CENTRE,
      `table ip kith_lab {
        set cut { type ifname; }
        chain passing {
          type filter hook forward priority filter;
          iifname @cut drop
          oifname @cut drop
        }
      }`,
    );
    await network.must(CENTRE, 'ip', 'route', 'add', 'blackhole', 'default');
    return new Internet(network, { homes: [], given: 0, zone: 0 });
  }

  /** Goes on with what `make` and the rest have built, here or in another process. */
  static resume(network: Network, state: InternetState): Internet {
    return new Internet(network, state);
  }

  home(label: string): Home {
    const home = this.state.homes.find((each) => each.label === label);
    if (home === undefined) throw new RangeError(`"label" is no home here: ${label}`);
    return home;
  }

  /** The namespace with its NAT; undefined where it has none. */
  static natOf(home: Home): string | undefined {
    return home.kind === 'public' ? undefined : `${home.label}-nat`;
  }

  async addHome(label: string, kind: HomeKind, options: Pick<Home, 'mapped'> = {}): Promise<Home> {
    const { network, state } = this;
    const address = this.nextAddress();
    const subnet = `192.168.${10 + state.homes.length}`;
    const inside = kind === 'public' ? address : `${subnet}.2`;
    const home: Home = { label, kind, address, cut: false, inside, ...options };
    await network.namespace(label);
    const nat = Internet.natOf(home);
    const edge = nat ?? label;
    if (nat !== undefined) {
      await network.namespace(nat);
      await network.forward(nat);
      await network.connect(nat, label, { names: ['lan', 'lan'] });
      await network.must(nat, 'ip', 'address', 'add', `${subnet}.1/24`, 'dev', 'lan');
      await network.must(label, 'ip', 'address', 'add', `${inside}/24`, 'dev', 'lan');
      await network.must(label, 'ip', 'route', 'add', 'default', 'via', `${subnet}.1`);
    }
    await network.connect(CENTRE, edge, { names: [label, 'wan'] });
    await network.must(CENTRE, 'ip', 'address', 'add', `${GATEWAY}/32`, 'dev', label);
    state.homes.push(home);
    await this.attach(home, undefined);
    await this.setRules(home);
    return home;
  }

  /** Another NAT in its place; what the old one remembered is gone. Not for public homes. */
  async setNat(label: string, kind: NatKind): Promise<void> {
    const home = this.home(label);
    if (home.kind === 'public') throw new RangeError(`"label" has no NAT: ${label}`);
    home.kind = kind;
    await this.setRules(home);
  }

  /** Its uplink gets another public address, as after a reconnect; returns it. */
  async move(label: string, address = this.nextAddress()): Promise<string> {
    const home = this.home(label);
    const old = home.address;
    home.address = address;
    await this.attach(home, old);
    await this.setRules(home);
    return address;
  }

  /** Nothing gets through its uplink, and nobody is told: no carrier is lost, no ICMP is sent. */
  async cut(label: string): Promise<void> {
    await this.setCut(this.home(label), true);
  }

  async heal(label: string): Promise<void> {
    await this.setCut(this.home(label), false);
  }

  private async setCut(home: Home, cut: boolean): Promise<void> {
    if (home.cut === cut) return;
    const verb = cut ? 'add' : 'delete';
    const element = ['element', 'ip', 'kith_lab', 'cut', `{ "${home.label}" }`];
    await this.network.must(CENTRE, 'nft', verb, ...element);
    home.cut = cut;
  }

  /** Gives the edge its public address and the internet the route to it. */
  private async attach(home: Home, old: string | undefined): Promise<void> {
    const { network } = this;
    const edge = Internet.natOf(home) ?? home.label;
    await network.must(edge, 'ip', 'address', 'add', `${home.address}/32`, 'dev', 'wan');
    if (old !== undefined) {
      await network.must(edge, 'ip', 'address', 'delete', `${old}/32`, 'dev', 'wan');
      await network.must(CENTRE, 'ip', 'route', 'delete', `${old}/32`, 'dev', home.label);
    }
    const uplink = ['default', 'via', GATEWAY, 'dev', 'wan', 'onlink'];
    await network.must(edge, 'ip', 'route', 'replace', ...uplink);
    await network.must(CENTRE, 'ip', 'route', 'replace', `${home.address}/32`, 'dev', home.label);
  }

  private async setRules(home: Home): Promise<void> {
    const nat = Internet.natOf(home);
    if (nat === undefined || home.kind === 'public') return;
    this.state.zone = (this.state.zone % ZONES_MAX) + 1;
    const { inside, mapped } = home;
    await this.network.nft(nat, natRules(home.kind, { inside, mapped, zone: this.state.zone }));
  }

  private nextAddress(): string {
    const n = this.state.given++ % ADDRESSES_MAX;
    return `${RANGES[n % 2]}.${10 + (n >> 1)}`;
  }
}

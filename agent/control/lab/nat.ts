// The NATs that homes have, as nftables rules, in the terms of RFC 4787 and of RFC 3489 before it.
//
// Linux by itself is what most homes have: it keeps the source port where that is free, so that all
// destinations see one port (endpoint-independent mapping), and lets in answers only (address and
// port-dependent filtering): port-restricted. The rest is built around that:
//
//   kind                who gets in                                        how
//   forwarded           anybody, always                                    all UDP goes to the host
//   full-cone           anybody, to a port that the host sent from         set of those ports
//   address-restricted  whom that port sent to, from any port of theirs    set of port and address
//   port-restricted     what that port sent to                             conntrack
//   symmetric           the same, and each destination sees another port   random source ports
//   udp-blocked         nobody, nor does UDP get out                       dropped

export const NAT_KINDS = [
  'forwarded',
  'full-cone',
  'address-restricted',
  'port-restricted',
  'symmetric',
  'udp-blocked',
] as const;
export type NatKind = (typeof NAT_KINDS)[number];

/** How long the sets above remember; a home router's UDP timeout (Linux: 30 s unanswered). */
const REMEMBER_SECONDS = 30;

export type NatOptions = Readonly<{
  inside: string; // the one host behind it, which is let in
  /**
   * A number that no earlier rules here had, 1 to 65535: the conntrack zone. What was tracked under
   * older rules is out of reach then, as if the NAT were another box.
   */
  zone: number;
  /** This port of the host is seen outside as that one; all others keep their numbers. */
  mapped?: Readonly<{ inside: number; outside: number }> | undefined;
}>;

/** Rules for a router with interfaces `wan` and `lan`, for `nft -f`; they replace all others. */
export function natRules(kind: NatKind, options: NatOptions): string {
  const { zone } = options;
  return `flush ruleset
table ip kith_lab {
  set ports { type inet_service; flags dynamic, timeout; timeout ${REMEMBER_SECONDS}s; }
  set sent { type inet_service . ipv4_addr; flags dynamic, timeout; timeout ${REMEMBER_SECONDS}s; }
  chain arriving_zone { type filter hook prerouting priority raw; ct zone set ${zone}; }
  chain own_zone { type filter hook output priority raw; ct zone set ${zone}; }
  chain arriving { type nat hook prerouting priority dstnat; ${inward(kind, options)} }
  # A stray datagram that were tracked here would take the port of the host that answers it.
  chain own { type filter hook input priority filter; iifname "wan" ct state new drop; }
  chain passing {
    type filter hook forward priority filter;
    ${kind === 'udp-blocked' ? 'meta l4proto udp drop' : ''}
    iifname "wan" ct state new ct status ! dnat drop
  }
  chain leaving { type nat hook postrouting priority srcnat; ${outward(kind, options)} }
  chain left {
    type filter hook postrouting priority srcnat + 50;
    oifname "wan" meta l4proto udp update @ports { udp sport } update @sent { udp sport . ip daddr }
  }
}
`;
}

/** What makes an unasked datagram the host's. */
function inward(kind: NatKind, { inside, mapped }: NatOptions): string {
  const admitted: Partial<Record<NatKind, string>> = {
    forwarded: 'meta l4proto udp',
    'full-cone': 'udp dport @ports',
    'address-restricted': 'udp dport . ip saddr @sent',
  };
  const who = admitted[kind];
  if (who === undefined) return '';
  const rule = (more: string, to: string) => `iifname "wan" ${who}${more} dnat to ${to};`;
  const moved = mapped && rule(` udp dport ${mapped.outside}`, `${inside}:${mapped.inside}`);
  return `${moved ?? ''} ${rule('', inside)}`;
}

function outward(kind: NatKind, { mapped }: NatOptions): string {
  if (kind === 'symmetric') return 'oifname "wan" masquerade random, fully-random;';
  const moved = mapped && `udp sport ${mapped.inside} masquerade to :${mapped.outside}`;
  return `${moved ? `oifname "wan" ${moved};` : ''} oifname "wan" masquerade;`;
}

// Who is measured, in the order of the table.

import { openvpnAes, openvpnChacha } from './openvpn.js';
import { baseline, fastd, n2n, nebulaAes, nebulaChacha, quicktun, tinc } from './others.js';
import type { Rival } from './rival.js';
import { kithAuto, kithEngines, wireguardGo, wireguardGo2023 } from './wireguard.js';

export const RIVALS: readonly Rival[] = [
  kithAuto,
  ...kithEngines,
  wireguardGo2023,
  wireguardGo,
  nebulaAes,
  nebulaChacha,
  openvpnAes,
  openvpnChacha,
  fastd,
  quicktun,
  tinc,
  n2n,
  baseline,
];

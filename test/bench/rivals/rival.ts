// What a VPN must tell so that it can be measured. To add one: a value of this type, and its name
// in rivals/all.ts.

import type { Arena, Side } from '../arena.js';

export type Rival = Readonly<{
  name: string;
  cipher: string;
  /** Debian packages to install; the program that must then be there. */
  packages: readonly string[];
  program: string;
  /** Of the tunnel's device: the rival's default, or where that is silly the largest that fits. */
  mtu: number;
  /** Text that `program --version` or the like gives; the first line is kept. */
  version: readonly string[];
  /** Keys and configuration. Not timed. */
  prepare?: (arena: Arena) => Promise<void>;
  /** Starts one side and returns when its device exists and has its address. b comes first. */
  up: (arena: Arena, side: Side) => Promise<void>;
}>;

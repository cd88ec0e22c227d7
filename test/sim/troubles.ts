// What happens to homes, networks and clocks, drawn by the seed; each has its end.

import { CALM } from './net.js';
import type { SimNode } from './node.js';
import type { Village } from './village.js';

/** A few words between some, so that paths are in use when they break. */
export function chat(village: Village, packets = 4): void {
  const alive = village.alive();
  for (let i = 0; i < packets; i++) {
    const a = alive[village.world.random.below(alive.length)];
    const b = alive[village.world.random.below(alive.length)];
    if (a && b && a !== b) village.say(a, b);
  }
}

/** Crashes, cuts, moves, partitions, bad lines and wrong clocks, each with its end. */
export class Troubles {
  private readonly over: (() => void)[] = [];
  private readonly touched = new Set<SimNode>();

  constructor(
    private readonly village: Village,
    /** How likely a second begins one. */
    private readonly likely = 0.1,
    private readonly lastMs = 30_000, // at most
  ) {}

  /** Asked every second. */
  maybe(): void {
    const { random } = this.village.world;
    if (random.next() > this.likely) return;
    const kinds = ['crash', 'crash', 'cut', 'move', 'part', 'line', 'clock'] as const;
    const kind = kinds[random.below(kinds.length)]!;
    const node = this.village.node(random.below(this.village.nodes.length));
    if (!node.running && !this.touched.has(node)) return; // a guest that has not come
    this.village.world.note(`${kind} ${node.name}`);
    if (kind === 'line') this.badLine();
    else if (kind === 'part') this.part();
    else if (!this.touched.has(node)) this.strike(kind, node);
  }

  private strike(kind: 'crash' | 'cut' | 'move' | 'clock', node: SimNode): void {
    const { village } = this;
    if (kind === 'move') {
      village.move(node);
      return;
    }
    if (kind === 'clock') {
      node.skewMs = village.world.random.below(240_000) - 120_000;
      return;
    }
    this.touched.add(node);
    const site = village.siteOf(node);
    if (kind === 'crash') node.crash();
    else site.cut = true;
    this.later(() => {
      this.touched.delete(node);
      if (kind === 'crash') village.begin(node);
      else site.cut = false;
    });
  }

  private part(): void {
    const { village } = this;
    const { random } = village.world;
    const sides = village.nodes.map((node) => [village.siteOf(node), random.below(2)] as const);
    village.net.part(new Map(sides));
    this.later(() => village.net.heal());
  }

  private badLine(): void {
    const { net, world } = this.village;
    const { random } = world;
    net.line = {
      loss: 0.2 * random.next(),
      duplication: 0.1 * random.next(),
      delayMs: 5 + 100 * random.next(),
      jitterMs: 100 * random.next(),
    };
    this.later(() => {
      net.line = CALM;
    });
  }

  /** After a second or more. */
  private later(over: () => void): void {
    const { world } = this.village;
    const once = () => {
      const i = this.over.indexOf(once);
      if (i < 0) return;
      this.over.splice(i, 1);
      over();
    };
    this.over.push(once);
    world.after(1_000 + world.random.below(this.lastMs - 1_000), once);
  }

  /** All of them are over. */
  end(): void {
    while (this.over.length > 0) this.over[0]?.();
  }
}

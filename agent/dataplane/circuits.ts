// The circuits that we relay, by number, as main keeps them for the workers.

import type { PeerId } from '../wireguard/effects.js';
import { CIRCUITS_MAX } from './layout.js';
import type { Metered, PlaneOrder } from './orders.js';
import { METERED_FIELDS } from './sharedmemory.js';

type Opening = Extract<PlaneOrder, { kind: 'circuit' }>;

/** A circuit with its number, as workers are told of it. */
export type NumberedCircuit = Opening & Readonly<{ number: number }>;

export class CircuitTable {
  private readonly open = new Map<number, NumberedCircuit>();

  constructor(private readonly metered: Float64Array) {}

  /** Undefined: no room, or no channel that could be; it comes to nothing. */
  add(circuit: Opening): NumberedCircuit | undefined {
    const { openerChannel, otherChannel } = circuit;
    if (openerChannel === 0 || otherChannel === 0 || openerChannel === otherChannel)
      return undefined;
    if ([openerChannel, otherChannel].some((channel) => this.find(channel))) return undefined;
    for (let number = 0; number < CIRCUITS_MAX; number++) {
      if (this.open.has(number)) continue;
      const numbered = { ...circuit, number };
      this.open.set(number, numbered);
      this.metered.fill(0, number * METERED_FIELDS, (number + 1) * METERED_FIELDS);
      return numbered;
    }
    return undefined;
  }

  /** Either channel; the number that is free now. */
  remove(channel: number): number | undefined {
    const circuit = this.find(channel);
    if (circuit !== undefined) this.open.delete(circuit.number);
    return circuit?.number;
  }

  /** One channel of each circuit of this peer. */
  of(peer: PeerId): number[] {
    const theirs = [...this.open.values()].filter(
      ({ opener, other }) => opener === peer || other === peer,
    );
    return theirs.map(({ openerChannel }) => openerChannel);
  }

  read(): Metered[] {
    return Array.from(this.open.values(), ({ number, openerChannel }) => ({
      channel: openerChannel,
      bytes: this.metered[number * METERED_FIELDS] ?? 0,
      lastAt: this.metered[number * METERED_FIELDS + 1] ?? 0,
    }));
  }

  private find(channel: number): NumberedCircuit | undefined {
    for (const circuit of this.open.values()) {
      if (circuit.openerChannel === channel || circuit.otherChannel === channel) return circuit;
    }
    return undefined;
  }
}

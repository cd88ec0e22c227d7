// The machine under the agent: what it is called, and how its system does our steps.

import type { Action, Rendered, Step } from './step.js';

export interface Board {
  readonly kind: 'openwrt' | 'debian';
  readonly model: string; // for people: `Raspberry Pi 4 Model B Rev 1.5`
  readonly system: string; // `OpenWrt 24.10.2`
  /** Undefined where this system has nothing of the kind; then there is nothing to do. */
  render(step: Step, look: Look): Rendered | undefined;
}

/** A file's text as it is now; undefined where there is none. */
export type Look = (path: string) => string | undefined;

/** Does things to the machine. What could not be done comes back as a sentence. */
export interface Hands {
  look: Look;
  perform(actions: readonly Action[]): Promise<string[]>;
}

/** Where it is written down what is to be undone. */
export interface Memory {
  read(): readonly Action[];
  /** Returns when it will survive the end of the process. */
  write(undo: readonly Action[]): void;
}

/** The steps that were taken on a board, and the way back. */
export class Steps {
  private undos: readonly Action[] = []; // in the order in which they are to be done

  constructor(
    private readonly board: Board,
    private readonly hands: Hands,
    private readonly memory: Memory,
  ) {}

  /** Undoes what a run that crashed has left. Call it once, before the first step. */
  sweep(): Promise<string[]> {
    this.undos = this.memory.read();
    return this.undo();
  }

  /**
   * Takes the steps in order, whatever fails on the way; returns what failed. The way back is
   * written down before each is taken, so an undo must do no harm where its step never was.
   */
  async take(steps: readonly Step[]): Promise<string[]> {
    const remarks: string[] = [];
    for (const step of steps) {
      const rendered = this.board.render(step, this.hands.look);
      if (!rendered) continue;
      if (rendered.lasts === 'run' && rendered.undo.length > 0) this.remember(rendered.undo);
      remarks.push(...(await this.hands.perform(rendered.apply)));
    }
    return remarks;
  }

  /** The last step first. What fails now is said, and not tried again. */
  async undo(): Promise<string[]> {
    if (this.undos.length === 0) return [];
    const remarks = await this.hands.perform(this.undos);
    this.undos = [];
    this.memory.write([]);
    return remarks;
  }

  /** A step that is taken again keeps its first way back: to how it was before us. */
  private remember(undo: readonly Action[]): void {
    const known = new Set(this.undos.map(target));
    const further = undo.filter((action) => !known.has(target(action)));
    if (further.length === 0) return;
    this.undos = [...further, ...this.undos];
    this.memory.write(this.undos);
  }
}

/** What an action changes; two with the same target overwrite one another. */
function target(action: Action): string {
  switch (action.do) {
    case 'ip':
      return `ip ${action.line}`;
    case 'run':
      return `run ${action.command.join(' ')}`;
    case 'write':
      return `write ${action.path}`;
    case 'uci':
      return `uci ${action.section.path} ${Object.keys(action.section.options).join(' ')}`;
  }
}

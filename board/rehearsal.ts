// A board on which nothing is done: every action is written down, in commands for people.

import type { Board, Hands, Look } from './board.js';
import { type Action, commandLines, type Step } from './step.js';

/** Hands that only write. */
export function rehearsalHands(look: Look, write: (line: string) => void): Hands {
  return {
    look,
    perform: async (actions) => {
      for (const line of linesOf(actions)) write(line);
      return [];
    },
  };
}

/** What these steps come to on this board; what its system has nothing of is left out. */
export function rehearse(board: Board, steps: readonly Step[], look: Look): string[] {
  const actions = steps.flatMap((step) => board.render(step, look)?.apply ?? []);
  return linesOf(actions);
}

/** The way back of the same steps, the last first; what goes with the interface needs none. */
export function rehearseUndo(board: Board, steps: readonly Step[], look: Look): string[] {
  const undos = steps.flatMap((step) => {
    const rendered = board.render(step, look);
    return rendered?.lasts === 'run' ? [rendered.undo] : [];
  });
  return linesOf(undos.reverse().flat());
}

/** A commit or reload that several actions end in is said once, at the last of them. */
function linesOf(actions: readonly Action[]): string[] {
  const lines = actions.flatMap((action) =>
    commandLines(action).map((line) => ({ line, once: action.do === 'uci' })),
  );
  return lines.flatMap(({ line, once }, i) =>
    once && lines.slice(i + 1).some((later) => later.line === line) ? [] : [line],
  );
}

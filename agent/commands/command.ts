// A command: what it is called, what it takes, who may give it, and what it does. The command line,
// and later the serial console and MQTT, are faces of the same list (registry.ts).

import type * as v from 'valibot';
import type { Context } from './context.js';

/** One field per argument; `positional` says which of them stand without a flag. */
export type ArgumentsSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;

/** `look` changes nothing; `change` changes this node; `secret` also shows or takes a key. */
export type Permission = 'look' | 'change' | 'secret';

/**
 * Where it runs: `agent`: only in the running one. `either`: there if one runs, else right here.
 * `here`: in the command line's process. `process`: it takes that process over (`kith up`).
 */
export type Place = 'agent' | 'either' | 'here' | 'process';

/** Where the result is shown; a file or a pipe has no colour and 80 columns. */
export type View = Readonly<{
  columns: number;
  rows: number;
  terminal: boolean;
  color: boolean;
  remark: (line: string) => void;
}>;

/** Methods, so that a handler of particular arguments is a handler (they are checked before). */
export interface Handler<A = unknown, R = unknown> {
  /** Throws Failure. The result is plain data, fit for JSON. */
  run(context: Context, given: A): R | Promise<R>;
  /** The result for people, without a last line end. Remarks go to standard error. */
  show(result: R, given: A, view: View): string | Promise<string>;
  /** Of the command line, where the answer itself is bad news; 0 where this is absent. */
  exitCode?(result: R): 0 | 1;
}

export interface Command {
  readonly name: string; // words as typed: `guest add`
  readonly help: string; // one line
  readonly details?: readonly string[]; // more lines for its own --help
  readonly positional: readonly string[];
  readonly schema: ArgumentsSchema;
  readonly permission: Permission;
  /** It could let a stranger in or lock the owner out: from afar only with an admin's signature. */
  readonly privileged?: boolean;
  readonly place: Place;
  readonly watch?: boolean; // may be asked again and again
  /** Absent where the place is `process`. */
  readonly load?: () => Promise<Handler>;
}

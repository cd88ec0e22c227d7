// What kith does to a machine, as data. A board (board.ts) turns a step into what its system
// understands, and knows how each is undone.

export type Step = Readonly<
  /** An address of the tunnel's interface, with its length: `10.7.0.1/24`. */
  | { kind: 'address'; device: string; address: string }
  /** `source`: which of our addresses what we send ourselves comes from. */
  | {
      kind: 'route';
      device: string;
      to: string;
      mtu?: number | undefined;
      source?: string | undefined;
    }
  /** A table of nftables that is ours alone, such as `inet kith`; `rules` is what is in it. */
  | { kind: 'firewall'; table: string; rules: string }
  /** The machine's own firewall lets this in from outside, and what the interface brings. */
  | { kind: 'port'; device: string; port: number }
  /** Names below `domain` are asked of 127.0.0.1, at this port. */
  | { kind: 'dns'; device: string; domain: string; port: number }
  /** The interface stands among those of the system's own network configuration. */
  | { kind: 'interface'; device: string }
  /** A parameter of the kernel, as `sysctl` names it. */
  | { kind: 'kernel'; name: string; value: string }
  | { kind: 'led'; led: string; shows: 'off' | 'on' | 'blink' }
  /** What a button of the machine does when it was held for two to four seconds. */
  | { kind: 'button'; button: string; does: 'unlock' | 'nothing' }
  /** A program of the system's that is started with it, and now. */
  | { kind: 'service'; name: string }
  /** A value in the system's own store of settings, where it has one. */
  | { kind: 'setting'; key: string; value: string }
  /** A serial port for us alone: who logs in there now lets go of it. */
  | { kind: 'serial'; port: string }
  /** The release in `root`/releases that is started from now on (agent/update/launch.sh). */
  | { kind: 'slot'; root: string; release: string }
>;

/** One thing to be done. `uci` stands for OpenWrt's settings: written only where they differ. */
export type Action = Readonly<
  | { do: 'ip'; line: string } // as `ip -batch` takes it
  | { do: 'run'; command: readonly string[]; input?: string | undefined }
  | { do: 'write'; path: string; text: string } // a file of the kernel's, under /sys or /proc
  | { do: 'uci'; section: UciSection; after: readonly string[] } // `after` runs behind a difference
>;

export type UciSection = Readonly<{
  path: string; // `package.section`
  type: string | null; // null: the section goes
  options: Readonly<Record<string, string | readonly string[]>>;
  /**
   * The options are lists of somebody else's. These values are in them, in the place of any that
   * is the same up to its last slash (`/kith/…`); or they are not in them.
   */
  within?: 'add' | 'remove' | undefined;
}>;

export type Rendered = Readonly<{
  apply: readonly Action[];
  undo: readonly Action[];
  /**
   * How long it lasts: `interface`: goes with the tunnel's interface, so that nothing is left after
   * a crash. `run`: until it is undone; written down. `installed`: stays over stop and start, and
   * is undone when kith is removed.
   */
  lasts: 'interface' | 'run' | 'installed';
}>;

/** What a person would type to do the same. */
export function commandLines(action: Action): string[] {
  switch (action.do) {
    case 'ip':
      return [`ip ${action.line}`];
    case 'run': {
      const line = action.command.map(quoted).join(' ');
      if (action.input === undefined) return [line];
      return [`${line} <<'END'`, ...action.input.trimEnd().split('\n'), 'END'];
    }
    case 'write':
      return [`echo ${quoted(action.text)} > ${quoted(action.path)}`];
    case 'uci': {
      const lines = uciLines(action.section).map((line) => `uci ${line}`);
      const commit = `uci commit ${action.section.path.split('.')[0]}`;
      return [...lines, commit, ...(action.after.length > 0 ? [action.after.join(' ')] : [])];
    }
  }
}

/** As `uci batch` takes them. */
export function uciLines({ path, type, options, within }: UciSection): string[] {
  if (type === null) return [`delete ${path}`];
  const list = within === 'remove' ? 'del_list' : 'add_list';
  return [
    ...(within === undefined ? [`set ${path}=${quoted(type)}`] : []),
    ...Object.entries(options).flatMap(([name, value]) => {
      const at = `${path}.${name}`;
      if (typeof value === 'string')
        return value === '' ? [`delete ${at}`] : [`set ${at}=${quoted(value)}`];
      const items = value.map((item) => `${list} ${at}=${quoted(item)}`);
      return within === undefined ? [`delete ${at}`, ...items] : items;
    }),
  ];
}

/** For a shell, and for `uci batch`, which quotes alike. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

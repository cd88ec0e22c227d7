// What `kith doctor` says about one thing.

export type Finding = Readonly<{
  check: string; // a name for programs: `tun`, `port`
  /** `missing`: without it kith does not work here. `advice`: with it, it would work better. */
  level: 'missing' | 'advice' | 'fine';
  what: string;
  why: string; // empty where all is fine
  fix: string; // a command, or what to do; empty where all is fine
}>;

export function fine(check: string, what: string): Finding {
  return { check, level: 'fine', what, why: '', fix: '' };
}

export function missing(check: string, what: string, why: string, fix: string): Finding {
  return { check, level: 'missing', what, why, fix };
}

export function advice(check: string, what: string, why: string, fix: string): Finding {
  return { check, level: 'advice', what, why, fix };
}

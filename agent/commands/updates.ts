// Updates of this node as commands see them.

/** How they stand. */
export type UpdateView = Readonly<{
  installed: string;
  latest: string | null; // null: nothing newer is known
  state:
    | 'off' // the agent was not started by the launcher
    | 'idle'
    | 'announced'
    | 'downloading'
    | 'waiting' // it lies here, and something is to come first
    | 'ready' // it lies here, for the owner to apply
    | 'installing'
    | 'trial'
    | 'rolled-back';
  progress: number | null; // percent
  notes: string;
  reason: string | null; // why it waits, or what went wrong
  automatic: 'off' | 'download' | 'apply';
  trialEnds: number | null; // Unix seconds
}>;

/** Orders resolve to a sentence of refusal, or to undefined. */
export interface Updates {
  view(): UpdateView;
  /** Resolves when all who were asked have answered, or not. */
  check(): Promise<void>;
  apply(): string | undefined;
  confirm(): string | undefined;
  rollBack(): string | undefined;
  /** The bytes of a signed manifest. */
  announce(manifest: Uint8Array): string | undefined;
}

export type ReleaseOrder = Readonly<{
  folder: string;
  key: string; // file
  version: string;
  minimum: string | null;
  notes: string;
  channel: string;
}>;

/** What a publisher of releases does. Throws Failure. */
export interface Publisher {
  /** Makes a key in a new file; its public half, base64. */
  makeKey(file: string): string;
  sign(order: ReleaseOrder): Promise<Readonly<{ manifest: string; targets: readonly string[] }>>;
}

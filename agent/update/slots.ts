// Where releases lie side by side, and how the machine is made to start one of them: folders under
// one roof (folders.ts) or pairs of partitions (partitions.ts).

/** What is on the machine now. */
export type Installed = Readonly<{ version: string; target: string }>;

/** What this start is. `needs`: who must have reached us before the trial is passed. */
export type Start = Readonly<
  | { is: 'normal' }
  | { is: 'trial'; seconds: number; needs: Needs }
  /** Another release was tried and did not last, or was never started at all. */
  | { is: 'returned'; version: string; reason: string; tried: boolean }
>;

/** It has come back from a trial of another. */
export type Returned = Extract<Start, { is: 'returned' }>;

/** `member`: a member of the mesh; `peer`: a WireGuard peer; `nobody`: none was there before. */
export type Needs = 'member' | 'peer' | 'nobody';

export interface Slots {
  readonly installed: Installed;
  /** Version that could be gone back to; undefined where there is none. */
  readonly previous: string | undefined;
  readonly start: Start;
  /** Where archives are collected, with at most one release in it. */
  readonly downloadFolder: string;
  /** Bytes that are free there, and bytes that are free where a release is laid down. */
  room(): Readonly<{ download: number; release: number; shared: boolean }>;
  /** Lays an archive down beside the running release; it is on the disk when this resolves. */
  install(version: string, archive: AsyncIterable<Uint8Array>, bytesMax: number): Promise<void>;
  /** This release (laid down before) is what the next start tries. */
  arm(version: string, seconds: number, needs: Needs): void;
  /** Ends this process and has the armed release started. Rejects with SlotFailure. */
  restart(): Promise<void>;
  /** The running release has passed its trial: it is what every start takes from now on. */
  keep(): void;
  /** The running release has failed its trial: after `restart` the one before runs. */
  giveUp(): void;
  /** Takes away what a cut or a trial left; done once at each start that is no trial. */
  settle(): void;
}

/** A release cannot be laid down or switched to; the message says what to do. */
export class SlotFailure extends Error {}

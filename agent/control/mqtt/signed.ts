// Requests signed by an admin: what could let a stranger in is done from afar only with one. The
// signature is over this JSON, so that it stands for one request to one node, once, and soon:
//
//     {"node": NODE, "to": "command/guest-add", "body": {…}, "sealTo"?: key, "nonce": "…",
//      "time": Unix seconds}
//
// `sealTo` is signed, or whoever carries the request could have a secret result sealed to himself.
// `to` is the topic below kith/NODE/, `body` the arguments or the patch, `nonce` 16 letters or more
// that were never used before.

/**
 * Says whether an admin of this mesh signed these bytes (a COSE_Sign1, RFC 9052). `content` is what
 * was signed.
 */
export type VerifySigned = (
  signed: Uint8Array,
) => Readonly<{ content: Uint8Array; admin: string } | { refused: string }>;

export type SignedRequest = Readonly<{
  body: unknown;
  sealTo: string | undefined;
  admin: string;
}>;

export const WINDOW_SECONDS = 120; // clocks of a household differ, messages wait in a broker
const NONCES_MAX = 1_024; // accepted within the window; more are refused, not forgotten
const NONCE_LETTERS = { least: 16, most: 128 };

export class SignedRequests {
  private readonly used = new Map<string, number>(); // nonce → when it may be forgotten

  constructor(
    private readonly node: string,
    private readonly verify: VerifySigned | undefined,
    /** Unix seconds; nothing signed before was meant for this run, or it was answered by then. */
    private readonly startedAt: number,
  ) {}

  /** `to` is the topic that it came on, below the node's. `wall` in Unix seconds. */
  accept(signed: Uint8Array, to: string, wall: number): SignedRequest | { refused: string } {
    if (!this.verify) return { refused: 'this node is in no mesh, so it knows no admin' };
    const verified = this.verify(signed);
    if ('refused' in verified) return verified;
    const content = readContent(verified.content);
    if (!content) return { refused: 'what was signed is no request' };
    if (content.node !== this.node) return { refused: 'it was signed for another node' };
    if (content.to !== to) return { refused: `it was signed for ${content.to}` };
    const stale = this.judgeTime(content.time, wall) ?? this.judgeNonce(content.nonce, wall);
    if (stale !== undefined) return { refused: stale };
    return { body: content.body, sealTo: content.sealTo, admin: verified.admin };
  }

  private judgeTime(time: number, wall: number): string | undefined {
    const age = Math.round(wall - time);
    if (age > WINDOW_SECONDS) return `it was signed ${age} s ago, too long`;
    if (-age > WINDOW_SECONDS) return `it was signed ${-age} s in the future: see the clocks`;
    if (time < this.startedAt) return 'it was signed before this agent started: sign it again';
    return undefined;
  }

  private judgeNonce(nonce: string, wall: number): string | undefined {
    for (const [old, until] of this.used) if (until < wall) this.used.delete(old);
    if (this.used.has(nonce)) return 'it was used already';
    if (this.used.size >= NONCES_MAX) return 'there were too many: try again in some minutes';
    this.used.set(nonce, wall + 2 * WINDOW_SECONDS); // may come from as far ahead as behind
    return undefined;
  }
}

type Content = Readonly<{
  node: string;
  to: string;
  body: unknown;
  sealTo: string | undefined;
  nonce: string;
  time: number;
}>;

function readContent(bytes: Uint8Array): Content | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { node, to, body, sealTo, nonce, time } = value as Record<string, unknown>;
  if (typeof node !== 'string' || typeof to !== 'string' || typeof nonce !== 'string')
    return undefined;
  if (nonce.length < NONCE_LETTERS.least || nonce.length > NONCE_LETTERS.most) return undefined;
  if (typeof time !== 'number' || !Number.isFinite(time)) return undefined;
  if (sealTo !== undefined && typeof sealTo !== 'string') return undefined;
  return { node, to, body, sealTo, nonce, time };
}

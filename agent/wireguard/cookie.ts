// mac1, mac2 and cookies (WireGuard paper, sections 5.3, 5.4.4, 5.4.7).

/** Whether a handshake datagram is worth a look; a cookie reply bears no mac and is `mac1`. */
export class MacChecker {
  constructor(readonly publicKey: Uint8Array) {}

  /** `source`: see cookieSource; a worker knows no cookie secret and never says `mac2`. */
  check(_datagram: Uint8Array, _source?: Uint8Array): 'bad' | 'mac1' | 'mac2' {
    throw new Error('not built yet');
  }
}

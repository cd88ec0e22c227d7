// The endpoints at which members were last reached, for the next start; design: "No logs". One
// file, which a setting turns off; written at most every ten minutes, and on a clean stop.
//
//     { 0: 1, 1: [[node key, address, port], …] }

import { type Endpoint, parseAddress } from './bytes/address.js';
import { type Cbor, decode, encode } from './bytes/cbor.js';
import type { Folder } from './control/folder.js';
import type { Log } from './control/ports.js';
import { LazyFile } from './control/rosterfile.js';
import type { NodeId } from './identity/member.js';
import { idBytes, idOf } from './identity/nodeid.js';

export const ENDPOINTS_FILE = 'endpoints.cbor';
const ENDPOINTS_MAX = 1_024;
const BYTES_MAX = 128 * 1024;
const WRITE_MS = 600_000;
const FORMAT = 1;

export class Remembered {
  private readonly endpoints = new Map<NodeId, Endpoint>();
  private readonly file: LazyFile;

  constructor(
    private readonly folder: Folder,
    private readonly enabled: boolean,
    log: Log,
  ) {
    const failed = (reason: string) => log('error', `endpoints are not kept: ${reason}`);
    this.file = new LazyFile(() => this.write(), failed, WRITE_MS);
    if (enabled) this.read();
    else folder.remove(ENDPOINTS_FILE);
  }

  get(node: NodeId): Endpoint | undefined {
    return this.endpoints.get(node);
  }

  all(): ReadonlyMap<NodeId, Endpoint> {
    return this.endpoints;
  }

  set(node: NodeId, endpoint: Endpoint): void {
    const last = this.endpoints.get(node);
    if (last?.address === endpoint.address && last.port === endpoint.port) return;
    this.endpoints.delete(node); // so that the newest stands last
    this.endpoints.set(node, endpoint);
    for (const oldest of this.endpoints.keys()) {
      if (this.endpoints.size <= ENDPOINTS_MAX) break;
      this.endpoints.delete(oldest);
    }
    if (this.enabled) this.file.touch();
  }

  /** It is no member any more. */
  forget(node: NodeId): void {
    if (this.endpoints.delete(node) && this.enabled) this.file.touch();
  }

  flush(): void {
    this.file.flush();
  }

  private write(): void {
    const list = [...this.endpoints].map(([node, { address, port }]) => [
      idBytes(node),
      address,
      port,
    ]);
    this.folder.writeBytes(
      ENDPOINTS_FILE,
      encode(
        new Map<number, Cbor>([
          [0, FORMAT],
          [1, list],
        ]),
      ),
    );
  }

  /** A file that is damaged tells nothing, and is written anew. */
  private read(): void {
    const bytes = this.folder.readBytes(ENDPOINTS_FILE, BYTES_MAX);
    const map = bytes && decode(bytes);
    const list = map instanceof Map && map.get(0) === FORMAT ? map.get(1) : undefined;
    if (!Array.isArray(list)) return;
    for (const entry of list.slice(0, ENDPOINTS_MAX)) {
      const [key, text, port] = Array.isArray(entry) ? entry : [];
      const address = typeof text === 'string' ? parseAddress(text) : undefined;
      if (!(key instanceof Uint8Array) || key.length !== 32 || address === undefined) continue;
      if (typeof port !== 'number' || port < 1 || port > 65_535) continue;
      this.endpoints.set(idOf(key), { address, port });
    }
  }
}

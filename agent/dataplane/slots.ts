// The sockets by slot. Workers use the file descriptors, which belong to the whole process, so one
// is closed only when every worker has let go of it: its number may be another file's at once.

import type { Crew } from './crew.js';
import { SLOTS_MAX } from './orders.js';
import type { Offloads, SlotOptions } from './plane.js';
import { type SharedMemory, SLOTS_VERSION } from './sharedmemory.js';
import { markSocket, openSocket, type Socket } from './socket.js';
import { sys } from './syscalls.js';

export class SlotTable {
  private readonly sockets = new Map<number, Socket>();

  constructor(
    private readonly shared: SharedMemory,
    private readonly offloads: Offloads,
    private readonly crew: Crew,
  ) {}

  open(slot: number, options: SlotOptions): { port: number } {
    if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS_MAX) {
      throw new RangeError(`"slot" is ${slot}, not 0 to ${SLOTS_MAX - 1}`);
    }
    this.close(slot);
    const socket = openSocket(options, this.offloads);
    this.sockets.set(slot, socket);
    this.shared.gso[slot] = socket.gso ? 1 : 0;
    Atomics.store(this.shared.slots, slot, socket.fd);
    this.changed();
    this.crew.wake();
    return { port: socket.port };
  }

  /** Returns once no worker polls the socket any more. */
  close(slot: number): void {
    const socket = this.sockets.get(slot);
    if (!socket) return;
    this.sockets.delete(slot);
    Atomics.store(this.shared.slots, slot, -1);
    this.changed();
    this.crew.settle();
    sys.close(socket.fd);
  }

  setMark(fwmark: number): void {
    for (const { fd } of this.sockets.values()) markSocket(fd, fwmark);
  }

  /** Once no worker runs any more. */
  closeAll(): void {
    for (const { fd } of this.sockets.values()) sys.close(fd);
    this.sockets.clear();
    this.shared.slots.fill(-1);
  }

  /** What the kernel gave to every open socket. */
  granted(): Pick<Offloads, 'udpSegmentation' | 'udpReceive'> {
    const sockets = [...this.sockets.values()];
    const some = sockets.length > 0;
    return {
      udpSegmentation:
        some && [...this.sockets.keys()].every((slot) => this.shared.gso[slot] === 1),
      udpReceive: some && sockets.every(({ gro }) => gro),
    };
  }

  private changed(): void {
    Atomics.add(this.shared.header, SLOTS_VERSION, 1);
  }
}

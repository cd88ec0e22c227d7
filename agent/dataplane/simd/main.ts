// What the worker calls: one WebAssembly module over one fixed memory (layout.ts).

export { open, openBatch, seal, sealBatch, wipe } from './aead';
export { isAuthentic, layLengths, putBack, roomApart, wipeApart } from './apart';
export { addLeg, closeCircuit, openCircuit, removeLeg, setShare } from './channels';
export { copySum, fold, sum } from './checksum';
export { addPacket, clearEntries, finishEntries, setCoalescing } from './coalesce';
export { takeNotes } from './notes';
export { oneTimeKeys } from './onetime';
export { finish, prepareReceive, scan, takeHandshakes } from './receive';
export { route, routesChanged } from './routes';
export { beginSession, endSession, findSession, takeTouched } from './tables';
export { buildTrains } from './train';
export { resume, setMtu, setVnet, takeDescriptors, transmit, transmitFrame } from './transmit';
export { dropWaiting, takeWaiting } from './waiting';
export { accept, fresh } from './window';

import { setBase as store64 } from './train';

/** The address of the memory's first byte in this process, below 2^53. */
export function setBase(address: f64): void {
  store64(<u64>address);
}

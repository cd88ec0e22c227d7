// Where everything lies in a worker's WebAssembly memory: 8 MiB, all of it placed here, none of it
// ever moved or grown. AssemblyScript and TypeScript both compile this file, so it holds nothing
// but numbers. Struct layouts are those of 64-bit Linux, little-endian.
//
//   0x000000  (compiler: below 1 KiB nothing, then constants and scratch of simd/)
//   0x010000  scratch, pollfds, counts, notes, touched
//   0x024000  one TUN read
//   0x036000  descriptors, datagrams, trains and their system-call structures
//   0x080000  sealed datagrams, 512 KiB
//   0x100000  receive structures, GRO entries
//   0x124000  route cache
//   0x144000  further places, relay channels
//   0x150000  session index
//   0x160000  sessions (keys)
//   0x1e0000  peers
//   0x2a0000  waiting packets, 384 KiB
//   0x300000  receive buffers, 1 MiB
//   0x400000  replay windows, 4 MiB

export const MEMORY_PAGES = 128;

// Arguments too wide for numbers pass through here.
export const SCRATCH = 0x10000;
export const SCRATCH_BYTES = 4096;

export const POLLFDS = 0x11000; // eventfd, TUN, sockets: 8 bytes each
export const SLOT_GSO = 0x11400; // u8 per slot: may send trains
export const COUNTS = 0x11800; // u32 dirty, then u32 per drop reason

// What wasm has to tell, in order: u32 kind | u32 id | u32 pointer | u32 length.
// `where` a datagram came from: number of the message | (leg of the channel + 1) << WHERE_LEG.
export const NOTES = 0x12000;
export const NOTES_MAX = 4096;
export const NOTE_BYTES = 16;
export const NOTE_WANT = 1; // id: peer
export const NOTE_STALE = 2; // id: session
export const NOTE_CONFIRMED = 3; // id: session
export const NOTE_ROAMED = 4; // id: peer, pointer: where
export const NOTE_SEEN = 5; // id: peer, pointer: where
export const NOTE_CHANNEL_UNKNOWN = 7; // id: channel, pointer: where
export const NOTE_FRAME = 6; // id: peer, pointer: frame, length | where << 16

// Sessions of this batch whose traffic is to be noted: u32 each.
export const TOUCHED = 0x22000;
export const TOUCHED_MAX = 2048;

export const TUN_READ = 0x24006; // so that the packet behind the header is aligned
export const VNET_HEADER_BYTES = 10; // struct virtio_net_hdr
export const TUN_READ_BYTES = 65_535 + VNET_HEADER_BYTES;

// One per packet of the batch under way, in either direction (engines/engine.ts has the fields).
export const DESCRIPTORS = 0x36000;
export const DESCRIPTORS_MAX = 2048;
export const DESCRIPTOR_BYTES = 32;

// Outside datagrams on their way out: u32 pointer | u32 length | u32 next | u32 spare.
export const DATAGRAMS = 0x46000;
export const DATAGRAM_BYTES = 16;

// Trains: u32 row of the place | u32 segment bytes | u32 count | u32 first | u32 last | u32 bytes
// | u32 slot.
export const TRAINS = 0x4e000;
export const TRAINS_MAX = 1024;
export const TRAIN_BYTES = 32;

export const MMSGHDR_BYTES = 64;
export const IOVEC_BYTES = 16;
export const SEND_MESSAGES = 0x56000; // struct mmsghdr per train
export const SEND_VECTORS = 0x66000; // struct iovec, at most one per datagram
export const SEND_CONTROLS = 0x6e000; // control messages per train
export const SEND_CONTROL_BYTES = 64; // PKTINFO (40) and UDP_SEGMENT (24)

export const OUT = 0x80000;
export const OUT_BYTES = 0x80000;

export const RECEIVE_MESSAGES_MAX = 16;
export const RECEIVE_MESSAGES = 0x100000;
export const RECEIVE_VECTORS = 0x100400;
export const RECEIVE_NAMES = 0x100600; // 32 bytes each
export const RECEIVE_SOURCES = 0x100800; // 32 bytes each: our address (16), interface (u32)
export const RECEIVE_CONTROLS = 0x100a00; // 128 bytes each
export const RECEIVE_CONTROL_BYTES = 128;

// GRO entries: simd/coalesce.ts has the fields. Word 6 and 7: pointer and count of the iovecs.
export const ENTRIES = 0x102000;
export const ENTRY_BYTES = 32;
export const ENTRIES_MAX = 2048;
export const SEGMENTS = 0x112000; // u32 pointer | u32 length | u32 next | u32 spare
export const SEGMENT_BYTES = 16;
export const ENTRY_VECTORS = 0x11a000;
export const FLOWS = 0x122000; // u32 per bucket: entry + 1
export const FLOWS_MAX = 256;

export const WHERE_LEG = 4;

// Handshake messages of this batch: u32 pointer | u32 length | u32 where | u32 spare.
export const HANDSHAKES = 0x123000;
export const HANDSHAKES_MAX = 256;

// Route cache: 16 bytes address | u32 stamp | i32 peer | 8 spare.
export const ROUTES = 0x124000;
export const ROUTES_MAX = 4096;
export const ROUTE_BYTES = 32;

// Rows like those of peers, of which only the place counts: where copies go; the last one is for
// what goes out elsewhere just once.
export const PLACES = 0x144000;
export const SECONDS_MAX = 64;

// Relay channels: simd/channels.ts has the fields. Legs of circuits come in pairs.
export const CHANNEL_INDEX = 0x146000; // u32 per bucket: leg + 1, 0 empty
export const CHANNEL_INDEX_MAX = 2048;
export const LEGS = 0x148000;
export const LEG_BYTES = 16;
export const CIRCUITS_MAX = 256;
export const CIRCUIT_LEGS = 512; // the first of those that end here
export const LEGS_MAX = 768;
export const CIRCUITS = 0x14b000;
export const CIRCUIT_BYTES = 32;
export const TAKERS = 0x14d000; // f64 tokens | f64 moment of filling; by the opener's number
export const TAKER_BYTES = 16;
export const TAKERS_MAX = 256;
export const RELAYED = 0x14e000; // u32 count, then the circuits of this batch

export const INDEX = 0x150000; // u32 per bucket: session + 1, 0 empty
export const INDEX_MAX = 16_384;

// Sessions: simd/tables.ts has the fields.
export const SESSIONS = 0x160000;
export const SESSIONS_MAX = 4096;
export const SESSION_BYTES = 128;
export const SESSION_RECEIVE_KEY = 32;
export const SESSION_FLAGS = 100;
export const SESSION_BARE = 8;
export const SESSION_PEER = 96;
export const SESSION_BATCH_BYTES = 112; // whole datagrams of this batch
export const SESSION_BATCH_PACKETS = 116;
export const SESSION_BATCH_DATA = 120; // those that are no keepalives

// Peers: simd/tables.ts has the fields.
export const PEERS = 0x1e0000;
export const PEERS_MAX = 8192;
export const PEER_BYTES = 96;
export const PEER_NAME_LENGTH = 28; // u8, 0: no place
export const PEER_SLOT = 29; // u8
export const PEER_FLAGS = 30; // u8
export const PEER_SOURCE = 32; // 16 bytes address, u32 interface
export const PEER_SECOND = 52; // u32: row of PLACES where copies of user packets go, 0: none
export const PEER_SESSION = 56; // u32: session in use + 1; 0 also where that is bare
export const PEER_WAITING = 60; // u32: packets that wait for a session, or for a place
export const PEER_FRAME_SESSION = 84; // u32: session in use + 1
export const PEER_CHANNEL_HEADER = 88; // u32 0x21 | u32 channel, as they stand in a datagram
export const PEER_CHANNEL = 92; // 0: none
export const PEER_EXISTS = 1;
export const PEER_ROAMS = 2;
export const PEER_MEMBER = 4;
export const PEER_PINNED = 8; // sends from PEER_SOURCE
export const PEER_SINGLE = 16; // no trains to this one
export const PEER_WANTED = 32; // `want` was raised

export const WAITING = 0x2a0000;
export const WAITING_BYTES = 0x60000;
export const WAITING_PER_PEER_MAX = 32;

export const RECEIVE_BUFFERS = 0x300000;
export const RECEIVE_BUFFER_BYTES = 0x10000;

export const WINDOWS = 0x400000;
export const WINDOW_BYTES = 1024; // 8,192 bits

// Places in DROP_REASONS (drops.ts) of what wasm counts itself.
export const DROP_INSIDE_MALFORMED = 0;
export const DROP_NO_ROUTE = 1;
export const DROP_NO_PLACE = 2;
export const DROP_WAITING_FULL = 3;
export const DROP_WAITING_EXPIRED = 4;
export const DROP_COUNTER_SPENT = 5;
export const DROP_OUTSIDE_MALFORMED = 6;
export const DROP_UNKNOWN_INDEX = 7;
export const DROP_EXPIRED = 8;
export const DROP_REPLAY = 9;
export const DROP_FORGED = 10;
export const DROP_INNER_MALFORMED = 11;
export const DROP_INNER_SOURCE = 12;
export const DROP_FRAME_STRANGER = 13;
export const DROP_CHANNEL_UNKNOWN = 22;
export const DROP_CHANNEL_SOURCE = 23;
export const DROP_CHANNEL_LIMIT = 24;
export const DROP_BARE = 25;

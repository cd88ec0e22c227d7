// Constants of the WireGuard paper, section 6.1 where nothing else is said, and our own bounds.

/** The initiator of a session asks for the next one when it sends after this. */
export const REKEY_AFTER_TIME_MS = 120_000;

/** Nothing is sealed or opened with a session of this age. */
export const REJECT_AFTER_TIME_MS = 180_000;

/** For so long after a user packet (or a first try) an unanswered handshake is tried again. */
export const REKEY_ATTEMPT_TIME_MS = 90_000;

/** Between two initiations to one peer; added to it is a jitter (section 6.4). */
export const REKEY_TIMEOUT_MS = 5_000;
export const REKEY_JITTER_MS_MAX = 333;

/** Having received and nothing to send for so long, an empty packet is sent. */
export const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Having sent and heard nothing for so long, a new handshake is begun (section 6.5). */
export const SILENCE_MS = KEEPALIVE_TIMEOUT_MS + REKEY_TIMEOUT_MS;

/** The initiator that receives after this asks for the next session while this one still lasts. */
export const REKEY_ON_RECEIVE_MS = REJECT_AFTER_TIME_MS - KEEPALIVE_TIMEOUT_MS - REKEY_TIMEOUT_MS;

/** All keys and half handshakes are wiped when no new session came for so long (section 6.3). */
export const ZERO_MS = 3 * REJECT_AFTER_TIME_MS;

// The paper has 2^60 and 2^64 - 2^13 - 1. Our workers count what they send in 32 bits; ours are
// tighter, which no peer can see: at a million packets a second a session of 180 s sends 2^27.5.
// The 2^24 below 2^32 leave room for batches that several workers reserve at once.
export const REKEY_AFTER_MESSAGES = 2 ** 31;
export const REJECT_AFTER_MESSAGES = 2 ** 32 - 2 ** 24;

/** Both a cookie and the secret behind it live for so long (section 5.4.7). */
export const COOKIE_MS = 120_000;

/** The paper's flood protection leaves the rate open; other implementations take 50 a second. */
export const INITIATION_GAP_MS = 20;

// Under load, per source address that has proven itself by a cookie (section 5.3 asks for a limit
// and leaves it open; other implementations take the same two).
export const ADMISSION_PER_SECOND = 20;
export const ADMISSION_BURST = 5;
/** Sources remembered at once; their prefixes are proven, so this many need as many real hosts. */
export const ADMISSION_SOURCES_MAX = 1_024;

// Between members of a mesh, who are reached at several places at once.

/** A handshake begun with a knock goes out again and again: so often, and for so long. */
export const KNOCK_GAP_MS = 250;
export const KNOCK_MS = 2_000;
/** So many places at once; a member has no more candidates. */
export const KNOCK_PLACES_MAX = 16;

/** A copy of an initiation is answered for so long, to so many sources, so often in all. */
export const COPY_MS = 5_000;
export const COPY_SOURCES_MAX = 8;
export const COPIES_MAX = 64;
/** Answers kept at once: more initiations of members in 5 s are not worth their memory. */
export const ANSWERS_MAX = 256;

/**
 * User packets for a member wait so long for a way to it; then the next one raises `want` again.
 * Longer than REKEY_TIMEOUT_MS, so that a lost initiation costs them nothing.
 */
export const WAIT_MS = 8_000;

/** An initiation so soon after one whose answer was of no use is answered without a secret key. */
export const FALLBACK_MS = 15_000;
/** Pre-shared keys that a response is tried with: the new one, the old one, zero; and one spare. */
export const PRESHARED_KEYS_MAX = 4;

/** At the door: so many at once, in the long run one per second, for so long. */
export const PORCHES_MAX = 8;
export const PORCH_GAP_MS = 1_000;
export const PORCH_MS = 10_000;

/** Rows of the workers' peer table. */
export const PEERS_MAX = 8_192;

/** Rows of the workers' session table. */
export const SESSIONS_MAX = 4_096;

/** How far ahead of use the timestamps' ceiling is persisted, and how early it is renewed. */
export const CEILING_AHEAD_S = 3_600;
export const CEILING_MARGIN_S = 600;
/** A clock further above the ceiling counts only once it is synchronised. */
export const CLOCK_LEAP_S = 86_400;

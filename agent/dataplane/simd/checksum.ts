// The internet checksum (RFC 1071), summed over little-endian words: one's complement sums do not
// mind byte order as long as the result is stored the way it was summed.

/** Host order of a big-endian 16-bit field, and back. */
// @ts-ignore: decorator
@inline
export function swap16(x: u32): u32 {
  return ((x & 0xff) << 8) | ((x >> 8) & 0xff);
}

/** Folds the carries of a sum into 16 bits. */
export function fold(sum: u64): u32 {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return <u32>sum;
}

// @ts-ignore: decorator
@inline
function words(x: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_u(x);
}

// @ts-ignore: decorator
@inline
function lanes(x: v128): u64 {
  const low = <u64>(<u32>i32x4.extract_lane(x, 0)) + <u64>(<u32>i32x4.extract_lane(x, 1));
  return low + <u64>(<u32>i32x4.extract_lane(x, 2)) + <u64>(<u32>i32x4.extract_lane(x, 3));
}

/** Sum of `length` bytes, at most 128 KiB (a lane holds 32,768 words); an odd byte is a low one. */
export function sum(at: usize, length: usize): u64 {
  let lane = i32x4.splat(0);
  let i: usize = 0;
  for (; i + 32 <= length; i += 32) {
    const pair = i32x4.add(words(v128.load(at + i)), words(v128.load(at + i, 16)));
    lane = i32x4.add(lane, pair);
  }
  let total = lanes(lane);
  for (; i + 2 <= length; i += 2) total += load<u16>(at + i);
  if (i < length) total += load<u8>(at + i);
  return total;
}

/** Copies and sums in one pass. */
export function copySum(to: usize, from: usize, length: usize): u64 {
  let lane = i32x4.splat(0);
  let i: usize = 0;
  for (; i + 32 <= length; i += 32) {
    const a = v128.load(from + i);
    const b = v128.load(from + i, 16);
    v128.store(to + i, a);
    v128.store(to + i, b, 16);
    lane = i32x4.add(lane, i32x4.add(words(a), words(b)));
  }
  let total = lanes(lane);
  for (; i + 2 <= length; i += 2) {
    const word = load<u16>(from + i);
    store<u16>(to + i, word);
    total += word;
  }
  if (i < length) {
    const byte = load<u8>(from + i);
    store<u8>(to + i, byte);
    total += byte;
  }
  return total;
}

/** Sum of the pseudo-header of TCP or UDP (RFC 9293, section 3.1; RFC 8200, section 8.1). */
export function pseudoHeader(ip: usize, v6: bool, protocol: u32, length: u32): u64 {
  const addresses = v6 ? sum(ip + 8, 32) : sum(ip + 12, 8);
  return addresses + swap16(length) + (protocol << 8);
}

/** Writes the header checksum of IPv4. */
export function sealIpv4Header(ip: usize, headerLength: usize): void {
  store<u16>(ip, 0, 10);
  store<u16>(ip, <u16>~fold(sum(ip, headerLength)), 10);
}

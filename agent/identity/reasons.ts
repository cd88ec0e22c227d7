// Why something is not taken: a code for programs, a sentence for people.

export const REASONS = {
  malformed: 'This is not a statement of a mesh.',
  forged: 'The signature is not good, or it was made for another mesh.',
  'no-issuer': 'The admin that issued this is not known here.',
  'no-right': 'Only the mesh key may revoke admins.',
  'no-witness': 'The member that took this enrolment is not known here.',
  stranger: 'This node does not belong to the mesh.',
  superseded: 'A newer statement has taken the place of this one.',
  full: 'The roster is full.',
  cut: 'The invite expired, and was cleared away.',
  expired: 'The invite has expired. Ask for a new one.',
  used: 'The invite has been used by another device. Each device needs its own.',
  revoked: 'This node, or its invite, was revoked.',
  'admin-revoked': 'The admin that signed this is none any more.',
  'no-proof': 'The device did not prove that the key is its own.',
  key: 'The node key is none.',
  'too-many': 'Too many newcomers stand at the door. Try again in ten seconds.',
} as const;

export type Reason = keyof typeof REASONS;

/** The sentence for a code; of a code from a newer version, the code. */
export function sentenceOf(code: string): string {
  return Object.hasOwn(REASONS, code) ? REASONS[code as Reason] : `Refused: ${code}.`;
}

// What becomes of the statements of an admin that is none any more.

import { base64urlnopad } from '@scure/base';
import type { StatementId } from './member.js';
import { idBytes } from './nodeid.js';
import { KEEP_BYTES, type Revocation, type Statement } from './statements.js';

/** As much of an id as a revocation names. */
export function keepOf(id: StatementId): string {
  return base64urlnopad.encode(idBytes(id).subarray(0, KEEP_BYTES));
}

/** Not kept by every one of the revocations. An enrolment is as good as its voucher. */
export function isVoided(statement: Statement, revocations: readonly Revocation[]): boolean {
  const kept = keepOf(statement.kind === 'enrolment' ? statement.voucher.id : statement.id);
  return revocations.some(({ keep }) => !keep.includes(kept));
}

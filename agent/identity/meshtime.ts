// Mesh time: a node's clock where it is known to be right, else the latest time of issue of what
// admins signed, which is at least not in the future. It decides whether an invite has expired,
// and what is written on what we sign.

/** Unix milliseconds. `newestIssue`: of the roster. */
export function meshTime(wall: number, synchronised: boolean, newestIssue: number): number {
  return synchronised ? wall : newestIssue;
}

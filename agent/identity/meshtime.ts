// Mesh time: a node's clock where it is known to be right, else the latest time of issue of what
// admins signed, which is at least not in the future, and the time that has passed since that was
// heard of. It decides whether an invite has expired, and what is written on what we sign.

export class MeshClock {
  private newest = 0;
  private heardAt = 0;

  /**
   * Unix milliseconds. `newestIssue`: of the roster; `now`: monotonic; `synchronised`: the wall
   * clock is known to be right.
   */
  time(
    at: Readonly<{ now: number; wall: number }>,
    synchronised: boolean,
    newestIssue: number,
  ): number {
    if (newestIssue !== this.newest) {
      this.newest = newestIssue;
      this.heardAt = at.now;
    }
    return synchronised ? at.wall : newestIssue + (at.now - this.heardAt);
  }
}

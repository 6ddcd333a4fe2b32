/** How often what happened to whom. */
export class Tally {
  /** By fault, then by role. */
  readonly counts: Record<string, Record<string, number>> = {};

  count(fault: string, role: string): void {
    const roles = this.counts[fault] ?? {};
    this.counts[fault] = roles;
    roles[role] = (roles[role] ?? 0) + 1;
  }
}

/** Which replicas to delete when there are more than wanted. */

export interface Candidate {
  readonly rack: string;
  /** Free space of its DataNode. */
  readonly remainingBytes: number;
}

/**
 * `surplus` of the replicas, as HDFS chooses them: first from racks that have several, so that racks stay covered, and there the one
 * whose DataNode has the least room. `surplus` is less than the number of replicas.
 * @param isToGo of those that may go without a rack being uncovered, which one should, whatever its room (HDFS's delHint).
 */
export function chooseExcess<T extends Candidate>(
  replicas: readonly T[],
  surplus: number,
  isToGo: (replica: T) => boolean = () => false,
): T[] {
  const left = [...replicas];
  const chosen: T[] = [];
  while (chosen.length < surplus && left.length > 1) {
    const crowded = left.filter(({ rack }) => left.filter((other) => other.rack === rack).length > 1);
    const dispensable = crowded.length > 0 ? crowded : left;
    const next = dispensable.find(isToGo) ?? fullest(dispensable);
    left.splice(left.indexOf(next), 1);
    chosen.push(next);
  }
  return chosen;
}

function fullest<T extends Candidate>(replicas: readonly T[]): T {
  return replicas.reduce((worst, replica) => (replica.remainingBytes < worst.remainingBytes ? replica : worst));
}

/** What a run has come to, for people. */
import type { ChaosReport } from './run.js';

export function summaryOf({ faults, operations, unanswered, verified, violations }: ChaosReport): string {
  const { files, bytesRead, replicas, replicaBytes, acknowledgedBytes, lostBytes } = verified;
  return `
Faults, and to whom
${table(faults)}
Acknowledged operations
${lines(operations)}
Operations without an answer (either outcome is right)
${lines(unanswered)}
Verified
${lines({ files, 'bytes read': bytesRead, replicas, 'bytes in replicas': replicaBytes })}
${violations.map((what) => `VIOLATION: ${what}\n`).join('')}acknowledged bytes = ${acknowledgedBytes}, lost bytes = ${lostBytes}, violations = ${violations.length}
`;
}

function table(faults: ChaosReport['faults']): string {
  return sorted(faults)
    .map(([fault, roles]) => {
      const each = sorted(roles).map(([role, count]) => `${role} ${count}`);
      return `  ${fault.padEnd(40)}${each.join(', ')}\n`;
    })
    .join('');
}

function lines(counts: Readonly<Record<string, number>>): string {
  return sorted(counts)
    .map(([what, count]) => `${String(count).padStart(12)}  ${what}\n`)
    .join('');
}

function sorted<T>(values: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

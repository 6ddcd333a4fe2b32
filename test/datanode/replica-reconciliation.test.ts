import test from 'ava';
import { type Finding, type FoundFiles, reconcile } from '../../datanode/replica-reconciliation.js';

const KNOWN = { blockId: 7, generationStamp: 1001, numBytes: 100 };

interface Case {
  readonly title: string;
  readonly known: boolean;
  readonly found: Partial<FoundFiles>;
  readonly finding: Finding['kind'];
}

const CASES: readonly Case[] = [
  { title: 'both files, as known', known: true, found: { dataBytes: 100, hasMeta: true }, finding: 'asKnown' },
  { title: 'known, no files', known: true, found: {}, finding: 'missing' },
  { title: 'known, only a meta file', known: true, found: { hasMeta: true }, finding: 'missing' },
  { title: 'known, only data', known: true, found: { dataBytes: 100 }, finding: 'corrupt' },
  { title: 'known, data too short', known: true, found: { dataBytes: 99, hasMeta: true }, finding: 'corrupt' },
  { title: 'known, data too long', known: true, found: { dataBytes: 101, hasMeta: true }, finding: 'corrupt' },
  { title: 'known, data empty', known: true, found: { dataBytes: 0, hasMeta: true }, finding: 'corrupt' },
  {
    title: 'known, a meta file that does not fit',
    known: true,
    found: { dataBytes: 100, hasMeta: true, metaFault: 'too short' },
    finding: 'corrupt',
  },
  { title: 'not known, both files', known: false, found: { dataBytes: 50, hasMeta: true }, finding: 'unknown' },
  { title: 'not known, both files, empty', known: false, found: { dataBytes: 0, hasMeta: true }, finding: 'unknown' },
  {
    title: 'not known, a meta file that does not fit',
    known: false,
    found: { dataBytes: 50, hasMeta: true, metaFault: 'too long' },
    finding: 'debris',
  },
  { title: 'not known, only data', known: false, found: { dataBytes: 50 }, finding: 'debris' },
  { title: 'not known, only a meta file', known: false, found: { hasMeta: true }, finding: 'debris' },
  { title: 'not known, gone meanwhile', known: false, found: {}, finding: 'asKnown' },
];

for (const { title, known, found, finding } of CASES) {
  test(`${title}: ${finding}`, (t) => {
    const files = { dataBytes: undefined, hasMeta: false, metaFault: undefined, ...found };
    t.is(reconcile(known ? KNOWN : undefined, files).kind, finding);
  });
}

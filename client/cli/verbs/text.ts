import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { readFile } from '../print-file.js';
import { defineVerb, WordOption } from '../verb.js';

const GZIP_MAGIC = [0x1f, 0x8b] as const;

export const verb = defineVerb({
  define(command) {
    command
      .description('Print files to standard output; those that are gzipped are unpacked.')
      .argument('<path...>')
      .addOption(new WordOption('-ignoreCrc', 'accepted for HDFS; checksums are always verified'));
  },
  async run(session, args) {
    await session.forEach(args, async (item) => {
      for await (const bytes of unpacked(readFile(session, item))) await session.out.bytes(bytes);
    });
  },
});

async function* unpacked(source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const first = await source.next();
  if (first.done) return;
  const whole = Readable.from(prepend(first.value, source), { objectMode: false });
  const isGzip = first.value[0] === GZIP_MAGIC[0] && first.value[1] === GZIP_MAGIC[1];
  yield* isGzip ? pipeThrough(whole) : whole;
}

async function* pipeThrough(source: Readable): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  source.once('error', (error) => gunzip.destroy(error));
  yield* source.pipe(gunzip);
}

async function* prepend(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

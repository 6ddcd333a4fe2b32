import { open } from 'node:fs/promises';
import { z } from 'zod';

const TAIL_BYTES = 16 * 1024;
const TAIL_LINES = 5;

const logLine = z.object({ level: z.string(), msg: z.string(), err: z.object({ message: z.string() }).optional() });

/** The last lines of a log for people: of JSON lines the level, the message and the error's message. */
export async function logTail(file: string): Promise<string[]> {
  const text = await lastBytes(file).catch(() => ''); // it is only there to explain another error
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-TAIL_LINES)
    .map(readable);
}

async function lastBytes(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes.subarray(0, bytesRead).toString();
  } finally {
    await file.close();
  }
}

function readable(line: string): string {
  const parsed = logLine.safeParse(parseJson(line));
  if (!parsed.success) return line;
  const { level, msg, err } = parsed.data;
  return `${level}: ${msg}${err === undefined ? '' : `: ${err.message}`}`;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

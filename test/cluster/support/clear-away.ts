/** What a test has started from a directory of its own ends with the test, also when the process of the test is killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Kills what runs from the directory (`run/*.pid`), takes away what is mounted in it, and removes it. A process is ours if its command
 * line names the directory. More than once, as a process may be writing or mounting at the same time.
 */
const CLEAR_AWAY = `
mounts() { awk -v below="$1/" 'index($2, below) == 1 { print $2 }' /proc/mounts; }
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  for file in "$1"/run/*.pid; do
    pid=$(cat "$file" 2>/dev/null) || continue
    grep -qF "$1/" "/proc/$pid/cmdline" 2>/dev/null && kill -9 "$pid"
  done
  for directory in $(mounts "$1"); do umount -l "$directory" 2>/dev/null; done
  [ -n "$(mounts "$1")" ] || rm -rf "$1" 2>/dev/null
  [ -e "$1" ] || exit 0
  sleep 0.2
done
exit 1
`;

/** Waits for the end of its standard input, which comes with the end of our process, however it ends. */
export function startWatchdog(directory: string): ChildProcess {
  const child = spawn('sh', ['-c', `cat >/dev/null; ${CLEAR_AWAY}`, 'sh', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  return child;
}

/** Returns when nothing is left. */
export async function clearAway(directory: string): Promise<void> {
  const [code] = (await once(spawn('sh', ['-c', CLEAR_AWAY, 'sh', directory]), 'close')) as [number | null];
  if (code !== 0) throw new Error(`${directory} could not be cleared away`);
}

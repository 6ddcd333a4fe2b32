/** A user who may not mount does so through libfuse's own command. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { DFS_SCRIPT } from '../../client/cluster/package-root.js';
import { resultOf, startCluster } from './harness.js';
import { CANNOT_MOUNT } from './support/mounted.js';

const NOBODY = 65_534;

function whyNot(): string | undefined {
  const cannotMount = CANNOT_MOUNT['fuse-native'];
  if (cannotMount !== undefined) return cannotMount;
  const { status } = spawnSync(process.execPath, [DFS_SCRIPT, 'version'], { uid: NOBODY, gid: NOBODY, cwd: '/' });
  return status === 0 ? undefined : 'other users may not run this copy of the program';
}

/**
 * In name spaces of its own, whose end is the end of all that was started in it. There /dev/fuse is open to all, as Debian sets it up; containers
 * often do not.
 */
const PRELUDE = `
set -eo pipefail
awk '/ - fuse.dfs /{print $5}' /proc/self/mountinfo | xargs -r umount -l || true # other tests' mounts, which would last as long as these name spaces
mkdir "$HERE/mnt" "$HERE/home"; mknod -m 666 "$HERE/fuse" c 10 229; mount --bind "$HERE/fuse" /dev/fuse; chown nobody "$HERE/mnt" "$HERE/home"
cd /; export HOME="$HERE/home"
as_nobody=(setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups)
nobody() { "\${as_nobody[@]}" "$@"; }
serve() { exec "\${as_nobody[@]}" "$NODE" "$DFS_SCRIPT" mount "$HERE/mnt" --foreground; }
dfs() { nobody "$NODE" "$DFS_SCRIPT" "$@"; }
refused() { if "$@"; then echo "not refused: $*" >&2; return 1; fi; }
told() { local words; words=$(refused "\${@:2}" 2>&1); grep "$1" <<< "$words"; }
log() { cat "$HOME"/.local/state/dfs/*.log; }
`;

const SCRIPT = `
dfs mount "$HERE/mnt"
log | grep -q 'driver.*fuse-native'
refused ls "$HERE/mnt" # root is another user, too
nobody bash -euo pipefail -c '
  cd "$HERE/mnt/user/nobody"; echo mine > file; test "$(stat -c %U file)" = nobody
  head -c 3000000 /dev/zero > big; printf changed | dd of=big bs=1 seek=1500000 conv=notrunc status=none; test "$(tr -d "\\\\0" < big)" = changed
  python3 -c "import os; f = os.open(\\"read-only\\", os.O_CREAT | os.O_WRONLY, 0o400); os.write(f, b\\"kept\\"); os.close(f)"; test "$(cat read-only)" = kept
  exec 3< file; rm file; test "$(cat <&3)" = mine; exec 3<&-
  ! touch ../other; ! chown root big'
told 'is mounted on .* already' dfs mount "$HERE/mnt"
dfs umount "$HERE/mnt"; refused mountpoint -q "$HERE/mnt"
told user_allow_other dfs mount --allow-other "$HERE/mnt"

serve & serving=$!
until nobody mountpoint -q "$HERE/mnt"; do sleep 0.1; done
kill -KILL $serving; wait $serving || true
refused nobody ls "$HERE/mnt"
serve & serving=$!
until nobody ls "$HERE/mnt/user/nobody/big"; do sleep 0.1; done
kill -TERM $serving; wait $serving
refused mountpoint -q "$HERE/mnt"`;

const REASON = whyNot();

(REASON === undefined ? test : test.skip)(
  `a user without any right mounts for himself${REASON === undefined ? '' : ` (${REASON})`}`,
  async (t) => {
    const cluster = await startCluster(t, { settings: { 'dfs.blocksize': '1m' } });
    t.is((await cluster.dfs(['mkdir', '-p', '/user/nobody'])).code, 0);
    t.is((await cluster.dfs(['chown', 'nobody', '/user/nobody'])).code, 0);
    const here = mkdtempSync(join(tmpdir(), 'dfs-nobody-'));
    await chmod(here, 0o755);
    const env = { ...process.env, HERE: here, NODE: process.execPath, DFS_SCRIPT, DFS_NAMENODE: cluster.namenode };
    const spaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const child = spawn('unshare', [...spaces, 'bash', '-c', `${PRELUDE}${SCRIPT}`], { env });
    t.teardown(async () => {
      child.kill('SIGKILL');
      await rm(here, { recursive: true, force: true });
    });
    const { code, stdout, stderr } = await resultOf(child);
    t.is(code, 0, `${stdout}${stderr}`);
  },
);

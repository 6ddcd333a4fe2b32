/** Several programs at work on the same files of a mount. */
import anyTest from 'ava';
import { sharedCluster } from './harness.js';
import { mount, testWithDrivers } from './support/mounted.js';

const cluster = sharedCluster(anyTest, { datanodes: 3, settings: { 'dfs.blocksize': '1m' } });
const test = testWithDrivers(anyTest);

/** Four processes append records to one file, four write to their own parts of another one, and two read both all the while. */
const WRITERS_AND_READERS = `
import os, struct, sys
RECORD, COUNT, PART = 1000, 60, 200_000
def record(writer, number): return struct.pack('<II', writer, number) * (RECORD // 8)
def check(records):
    last = {}
    for i in range(0, len(records), RECORD):
        writer, number = struct.unpack('<II', records[i:i + 8])
        assert records[i:i + RECORD] == record(writer, number), ('torn', i)
        assert number == last.get(writer, -1) + 1, ('order', writer, number)
        last[writer] = number
    return last
def append(writer):
    fd = os.open('log', os.O_WRONLY | os.O_APPEND)
    for i in range(COUNT):
        assert os.write(fd, record(writer, i)) == RECORD
        if i % 20 == writer: os.fsync(fd)
    os.close(fd)
def scatter(writer):
    fd = os.open('parts', os.O_RDWR)
    for i in range(COUNT):
        at = writer * PART + i * 7919 % (PART - RECORD)
        assert os.pwrite(fd, bytes([65 + writer]) * RECORD, at) == RECORD
        if i % 20 == writer: os.fsync(fd)
    os.close(fd)
def read(reader):
    log, parts = os.open('log', os.O_RDONLY), os.open('parts', os.O_RDONLY)
    while not os.path.exists('done'):
        size = os.fstat(log).st_size
        check(os.pread(log, size // RECORD * RECORD, 0))
        for writer in range(4):
            assert set(os.pread(parts, PART, writer * PART)) <= {0, 65 + writer}
open('log', 'w').close()
with open('parts', 'wb') as f: f.write(bytes(4 * PART))
def start(work, n):
    pid = os.fork()
    if pid: return pid
    try: work(n)
    except BaseException as error:
        print(work.__name__, n, repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)
writers = [start(work, n) for work in (append, scatter) for n in range(4)]
readers = [start(read, n) for n in range(2)]
failed = [pid for pid in writers if os.waitpid(pid, 0)[1]]
open('done', 'w').close()
failed += [pid for pid in readers if os.waitpid(pid, 0)[1]]
assert not failed
assert check(open('log', 'rb').read()) == {n: COUNT - 1 for n in range(4)}
`;

test('several writers and readers of a file see each other, and no record is torn', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, `mkdir many; cd many; python3 - <<'P'\n${WRITERS_AND_READERS}\nP\ncd ..; rm -r many`);
});

/** Each one adds what the other one has left, with its connection open all the time. */
const DATABASE = `
import os, sqlite3, sys, time
TURNS = 8
def take_turns(me):
    db = sqlite3.connect('db', timeout=30, isolation_level=None)
    while True:
        db.execute('begin immediate')
        turn, total = db.execute('select turn, total from t').fetchone()
        if turn >= TURNS: return db.execute('rollback')
        if turn % 2 == me:
            db.execute('update t set turn = ?, total = ?', (turn + 1, total + turn))
            db.execute('insert into log values (?, ?)', (turn, os.urandom(5000)))
        db.execute('commit')
        if turn % 2 != me: time.sleep(0.01)
db = sqlite3.connect('db')
db.executescript('create table t (turn, total); insert into t values (0, 0); create table log (turn, bytes);')
db.close()
pid = os.fork()
if pid == 0:
    take_turns(1)
    os._exit(0)
take_turns(0)
assert os.waitpid(pid, 0)[1] == 0
db = sqlite3.connect('db')
assert db.execute('select turn, total from t').fetchone() == (TURNS, sum(range(TURNS)))
assert [n for (n,) in db.execute('select turn from log order by rowid')] == list(range(TURNS))
assert db.execute('pragma integrity_check').fetchone() == ('ok',)
`;

test('two processes take turns with an SQLite database', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, `mkdir turns; cd turns; python3 - <<'P'\n${DATABASE}\nP\ncd ..; rm -r turns`);
});

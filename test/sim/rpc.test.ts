import test from 'ava';
import { DfsError, isDfsError } from '../../common/errors.js';
import type { ClientProtocolClient, ClientProtocolHandlers } from '../../common/rpc/services.js';
import { Life } from './life.js';
import { ProcessClock } from './process-clock.js';
import type { CallFaults } from './rpc.js';
import { newWorld, type World } from './world.js';

interface Service {
  readonly world: World;
  readonly client: ClientProtocolClient;
  readonly clientLife: Life;
  readonly serverLife: Life;
}

function newService(
  handlers: Partial<ClientProtocolHandlers>,
  { seed = 1, callFaults = {} }: { seed?: number; callFaults?: Partial<CallFaults> } = {},
): Service {
  const world = newWorld({ seed });
  Object.assign(world.callFaults, callFaults);
  const [clientLife, serverLife] = [new Life('client'), new Life('server')];
  const clock = new ProcessClock(world.scheduler, clientLife, world.fork(), { skewMs: 0, drift: 0 });
  world.rpc.serve(serverLife, 'server:8020', 'ClientProtocol', handlers as ClientProtocolHandlers);
  const caller = { life: clientLife, host: 'client', clock };
  const client = world.rpc.connect(caller, 'ClientProtocol', 'server:8020', 10_000);
  return { world, client, clientLife, serverLife };
}

async function settle<T>(world: World, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const done = promise.finally(() => {
    isSettled = true;
  });
  done.catch(() => {});
  if (!(await world.scheduler.run(Number.POSITIVE_INFINITY, () => isSettled))) throw new Error('it never ended');
  return await done;
}

test('messages arrive as over gRPC: copied, with the defaults of what was not set', async (t) => {
  let seen: unknown;
  const { world, client } = newService({
    Mkdirs: async (request, { peerHost }) => {
      seen = { ...request, peerHost };
      return {};
    },
    GetFileInfo: async () => ({ status: { fileId: 7, type: 'DIRECTORY' as const } }),
  });
  const clientId = Buffer.from('0123456789abcdef');
  const request = { path: '/a', header: { user: 'u', clientId, callId: 5 } };
  const call = client.Mkdirs(request);
  request.path = '/changed later';
  t.deepEqual(await settle(world, call), { status: null, directory: null });
  t.like(seen, {
    path: '/a',
    mode: 0,
    modeSet: false,
    createParent: false,
    peerHost: 'client',
    header: { user: 'u', clientId, callId: 5 },
  });
  const { status } = await settle(world, client.GetFileInfo({ path: '/a' }));
  t.like(status, { fileId: 7, type: 'DIRECTORY', name: '', length: 0 });
});

test('errors keep their names; anything else is a defect of the server', async (t) => {
  const { world, client } = newService({
    Mkdirs: () => Promise.reject(new DfsError('AccessControl', 'not you')),
    Delete: () => Promise.reject(new TypeError('a defect')),
  });
  t.like(await t.throwsAsync(settle(world, client.Mkdirs({}))), { name: 'AccessControl', message: 'not you' });
  t.deepEqual(world.violations, []);
  t.like(await t.throwsAsync(settle(world, client.Delete({}))), { name: 'Internal' });
  t.is(world.violations.length, 1);
});

test('a call that gets no answer ends at its deadline, and the handler is told', async (t) => {
  let wasTold = false;
  const { world, client } = newService({
    Mkdirs: (_request, { signal }) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          wasTold = true;
        });
      }),
  });
  t.like(await t.throwsAsync(settle(world, client.Mkdirs({}, { timeoutMs: 500 }))), { name: 'Timeout' });
  await world.scheduler.run(1_000, () => false);
  t.true(wasTold);
});

test('a call ends when its caller aborts it', async (t) => {
  const { world, client } = newService({ Mkdirs: () => new Promise(() => {}) });
  const controller = new AbortController();
  const call = client.Mkdirs({}, { signal: controller.signal });
  world.scheduler.at(100, 'abort', () => controller.abort());
  t.like(await t.throwsAsync(settle(world, call)), { name: 'Cancelled' });
});

test('nobody there: refused at once; machine down: nothing until the deadline', async (t) => {
  const { world, client, serverLife } = newService({});
  serverLife.end();
  t.like(await t.throwsAsync(settle(world, client.Mkdirs({}))), { name: 'ConnectionLost' });
  t.true(world.scheduler.nowMs < 100);
  world.links.setDown('server', true);
  t.like(await t.throwsAsync(settle(world, client.Mkdirs({}, { timeoutMs: 3_000 }))), { name: 'Timeout' });
});

test('a server that crashes breaks the calls it was carrying out', async (t) => {
  const { world, client, serverLife } = newService({ Mkdirs: () => new Promise(() => {}) });
  world.scheduler.at(50, 'crash', () => serverLife.end());
  t.like(await t.throwsAsync(settle(world, client.Mkdirs({}))), { name: 'ConnectionLost' });
});

test('requests and answers get lost, so that a caller cannot know whether its call was carried out', async (t) => {
  let carriedOut = 0;
  const handlers: Partial<ClientProtocolHandlers> = {
    Mkdirs: async () => {
      carriedOut++;
      return {};
    },
  };
  const { world, client } = newService(handlers, { callFaults: { requestLossRate: 0.2, answerLossRate: 0.2 } });
  const outcomes = { ok: 0, ConnectionLost: 0, Timeout: 0 };
  for (let i = 0; i < 200; i++) {
    await settle(world, client.Mkdirs({})).then(
      () => outcomes.ok++,
      (error: unknown) => {
        if (isDfsError(error, 'ConnectionLost')) outcomes.ConnectionLost++;
        else if (isDfsError(error, 'Timeout')) outcomes.Timeout++;
        else throw error;
      },
    );
  }
  t.true(outcomes.ok > 80 && outcomes.ConnectionLost > 10 && outcomes.Timeout > 10);
  t.is(carriedOut, outcomes.ok + world.faults.get('calls: answer lost'));
  t.is(200 - carriedOut, world.faults.get('calls: request lost'));
});

test('some requests arrive twice, and later ones overtake earlier ones', async (t) => {
  const order: string[] = [];
  const handlers: Partial<ClientProtocolHandlers> = {
    Mkdirs: async ({ path }) => {
      order.push(path);
      return {};
    },
  };
  const callFaults = { duplicateRate: 0.3, delayRate: 0.5, delayMaxMs: 1_000 };
  const { world, client } = newService(handlers, { callFaults });
  const calls = Array.from({ length: 50 }, (_, i) => client.Mkdirs({ path: `/${String(i).padStart(2, '0')}` }));
  await settle(world, Promise.all(calls));
  await world.scheduler.run(Number.POSITIVE_INFINITY, () => false);
  t.is(order.length, 50 + world.faults.get('calls: duplicate'));
  t.true(order.length > 55);
  t.notDeepEqual(order, [...order].sort());
});

test('an answer that is a stream comes message by message, with its error at the end', async (t) => {
  const { world, client } = newService({
    async *Fsck() {
      yield { files: [{ path: '/a' }] };
      yield { files: [{ path: '/b' }] };
      throw new DfsError('FileNotFound', 'gone');
    },
  });
  const paths: string[] = [];
  const reading = (async () => {
    for await (const { files } of client.Fsck({})) paths.push(...files.map(({ path }) => path));
  })();
  t.like(await t.throwsAsync(settle(world, reading)), { name: 'FileNotFound' });
  t.deepEqual(paths, ['/a', '/b']);
});

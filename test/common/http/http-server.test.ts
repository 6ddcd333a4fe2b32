import type { ExecutionContext } from 'ava';
import test from 'ava';
import { Counter, Registry } from 'prom-client';
import type { Health } from '../../../common/http/http-server.js';
import { startHttp } from '../../../common/http/http-server.js';
import { createLogger } from '../../../common/logging.js';

const logger = createLogger({ name: 'test', level: 'silent' });

async function serve(t: ExecutionContext, health: () => Health = () => ({ healthy: true })) {
  const registry = new Registry();
  const server = await startHttp({ host: '127.0.0.1', port: 0, registry, health, logger });
  t.teardown(() => server.close());
  return { registry, port: server.port, url: `http://127.0.0.1:${server.port}` };
}

test('/health tells a healthy server from one that is not', async (t) => {
  let healthy = true;
  const { url } = await serve(t, () => ({ healthy, details: { safeMode: !healthy } }));
  const good = await fetch(`${url}/health`);
  t.is(good.status, 200);
  t.deepEqual(await good.json(), { status: 'ok', safeMode: false });
  healthy = false;
  const bad = await fetch(`${url}/health?verbose`);
  t.is(bad.status, 503);
  t.deepEqual(await bad.json(), { status: 'unhealthy', safeMode: true });
});

test('/metrics speaks the Prometheus text format', async (t) => {
  const { url, registry } = await serve(t);
  new Counter({ name: 'blocks_total', help: 'Blocks.', registers: [registry] }).inc(3);
  const response = await fetch(`${url}/metrics`);
  t.regex(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  t.regex(await response.text(), /^blocks_total 3$/m);
});

test('other paths, methods and failures get a status of their own', async (t) => {
  const { url } = await serve(t, () => {
    throw new Error('secret');
  });
  t.is((await fetch(`${url}/`)).status, 404);
  t.is((await fetch(`${url}/metrics`, { method: 'POST' })).status, 405);
  const failed = await fetch(`${url}/health`);
  t.is(failed.status, 500);
  t.notRegex(await failed.text(), /secret/);
});

test('a port in use is named', async (t) => {
  const { port } = await serve(t);
  const options = { host: '127.0.0.1', port, registry: new Registry(), health: () => ({ healthy: true }), logger };
  await t.throwsAsync(startHttp(options), { name: 'PortInUse', message: new RegExp(`Port ${port} `) });
});

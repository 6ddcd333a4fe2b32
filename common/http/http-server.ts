/** The small HTTP side of every server: /health for supervisors, /metrics for Prometheus. */
import type { Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { listenError } from '../listen-error.js';
import type { Logger } from '../logging.js';

export interface Health {
  readonly healthy: boolean;
  /** Facts that help whoever looks: safe mode, failed volumes, … */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface HttpOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly registry: Registry;
  readonly health: () => Health;
  readonly logger: Logger;
}

export interface HttpServer {
  /** The port that was really taken. */
  readonly port: number;
  close(): Promise<void>;
}

/** @throws DfsError `PortInUse`, `InvalidConfiguration`. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 5000 });
  server.maxConnections = 256;
  server.on('request', (request, response) => {
    route(request.method ?? '', request.url ?? '', response, options).catch((error: unknown) => {
      options.logger.error({ err: error, url: request.url }, 'an HTTP request failed');
      send(response, 500, 'text/plain', 'Internal error; the log has the reason.\n');
    });
  });
  await listen(server, options.host, options.port);
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

async function route(method: string, url: string, response: ServerResponse, options: HttpOptions): Promise<void> {
  const path = url.split('?', 1)[0];
  if (method !== 'GET' && method !== 'HEAD') return send(response, 405, 'text/plain', 'Only GET is served here.\n');
  if (path === '/health') {
    const { healthy, details = {} } = options.health();
    const body = JSON.stringify({ status: healthy ? 'ok' : 'unhealthy', ...details });
    return send(response, healthy ? 200 : 503, 'application/json', `${body}\n`);
  }
  if (path === '/metrics') {
    return send(response, 200, options.registry.contentType, await options.registry.metrics());
  }
  return send(response, 404, 'text/plain', 'There is /health and /metrics.\n');
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent) return;
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port)));
    server.listen({ host, port }, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

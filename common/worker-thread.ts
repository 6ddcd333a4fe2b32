import { Worker } from 'node:worker_threads';

/**
 * Starts the module `name` (without ending), which lies beside the module with the URL `besides`, as a thread: its .js where the
 * project is compiled; its .ts in development, where the thread must first load tsx, as Node 20 does not do that for it.
 */
export function startWorker(besides: string, name: string, workerData: unknown): Worker {
  if (!besides.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, besides), { workerData });
  const module = new URL(`./${name}.ts`, besides).href;
  const tsx = import.meta.resolve('tsx/esm/api');
  const source = `import(${JSON.stringify(tsx)}).then(({ register }) => (register(), import(${JSON.stringify(module)})))`;
  return new Worker(source, { eval: true, workerData });
}

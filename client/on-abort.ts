import { setMaxListeners } from 'node:events';

/** An AbortController on whose signal any number of operations may wait: Node warns of more than ten otherwise. */
export function newAbortController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** Calls `action` when the signal aborts, at once if it has already; the returned function ends that. */
export function onAbort(signal: AbortSignal, action: () => void): () => void {
  if (signal.aborted) action();
  else signal.addEventListener('abort', action, { once: true });
  return () => signal.removeEventListener('abort', action);
}

/** Resolves after everything else that is ready to run has had its turn; for long work to pause between its slices. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

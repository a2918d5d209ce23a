/**
 * Calls back when waiting may no longer be right: the network is back, or somebody looks at the page
 * again, whose computer may have slept. Where there is no page, never.
 *
 * @param {() => void} onwake
 * @returns {() => void} stops listening
 */
export function listenForWakeups(onwake) {
  const { document } = globalThis;
  const onvisible = () => document.visibilityState === 'visible' && onwake();
  globalThis.addEventListener?.('online', onwake);
  document?.addEventListener('visibilitychange', onvisible);
  return () => {
    globalThis.removeEventListener?.('online', onwake);
    document?.removeEventListener('visibilitychange', onvisible);
  };
}

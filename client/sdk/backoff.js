/**
 * A random time before a retry, so that those who lost the same gateway don't come back all at once:
 * between zero and a cap that doubles with each attempt. ("Full jitter": AWS Architecture Blog,
 * Exponential Backoff And Jitter.)
 *
 * @param {number} attempt 1 for the first
 * @param {{ minMs?: number, maxMs?: number }} [bounds] the cap of the first attempt, and of all
 */
export function backoff(attempt, { minMs = 300, maxMs = 10_000 } = {}) {
  return Math.random() * Math.min(maxMs, minMs * 2 ** (attempt - 1));
}

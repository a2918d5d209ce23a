/** @import { Histogram } from './types.js' */

/**
 * How many took how long: a count for each bucket's upper bound in seconds. Not cumulative, so that those of nodes with
 * other buckets can be added up.
 *
 * @typedef {Map<number, number>} Counts
 */

/**
 * What was counted between two readings of a histogram.
 *
 * @param {Histogram | null} earlier
 * @param {Histogram | null} later
 * @returns {Counts}
 */
export function difference(earlier, later) {
  const counts = countsOf(later);
  for (const [bound, count] of countsOf(earlier)) counts.set(bound, Math.max(0, (counts.get(bound) ?? 0) - count));
  return counts;
}

/**
 * @param {Counts[]} all
 * @returns {Counts}
 */
export function sum(all) {
  /** @type {Counts} */
  const total = new Map();
  for (const counts of all) for (const [bound, count] of counts) total.set(bound, (total.get(bound) ?? 0) + count);
  return total;
}

/** @param {Counts} counts */
export function size(counts) {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

/**
 * The duration in seconds that a share of them didn't exceed, or null if there were none. Inside a bucket they are taken
 * to be spread evenly; of what is over the highest bound only that is known. Both as in Prometheus' `histogram_quantile`.
 *
 * @param {Counts} counts
 * @param {number} share
 * @returns {number | null}
 */
export function quantile(counts, share) {
  const rank = share * size(counts);
  if (rank === 0) return null;
  let below = 0;
  let lower = 0;
  for (const [upper, count] of [...counts].sort(([a], [b]) => a - b)) {
    if (upper === Infinity) return lower;
    if (count > 0 && below + count >= rank) return lower + (upper - lower) * ((rank - below) / count);
    below += count;
    lower = upper;
  }
  return lower;
}

/**
 * @param {Histogram | null} histogram
 * @returns {Counts}
 */
function countsOf(histogram) {
  /** @type {Counts} */
  const counts = new Map();
  if (!histogram) return counts;
  let below = 0;
  for (const { le, count } of histogram.buckets) {
    counts.set(boundOf(le), count - below);
    below = count;
  }
  counts.set(Infinity, (counts.get(Infinity) ?? 0) + Math.max(0, histogram.count - below));
  return counts;
}

/**
 * JSON has no infinity.
 *
 * @param {number | string | null} le
 */
function boundOf(le) {
  const bound = typeof le === 'number' ? le : NaN;
  return Number.isFinite(bound) ? bound : Infinity;
}

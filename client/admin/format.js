/** Figures as people read them. What isn't known is a dash. */

const NONE = '–';
const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const ONE_DIGIT = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

const SIZES = /** @type {const} */ ([[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB'], [1, 'B']]);
/** The largest two that aren't zero are told. */
const SPANS = /** @type {const} */ ([[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]);

/** @param {number | null | undefined} number */
export function whole(number) {
  return number == null ? NONE : WHOLE.format(number);
}

/** @param {number} number */
export function short(number) {
  return SHORT.format(number);
}

/**
 * Small rates keep a digit.
 *
 * @param {number | null | undefined} number
 */
export function rate(number) {
  return number == null ? NONE : (number < 10 ? ONE_DIGIT : WHOLE).format(number);
}

/** @param {number | null | undefined} seconds */
export function latency(seconds) {
  if (seconds == null) return NONE;
  const ms = seconds * 1000;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 1 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** @param {number | null | undefined} bytes */
export function bytes(bytes) {
  if (bytes == null) return NONE;
  const [size, unit] = SIZES.find(([size]) => bytes >= size) ?? [1, 'B'];
  return `${(bytes < 10 * size && size > 1 ? ONE_DIGIT : WHOLE).format(bytes / size)} ${unit}`;
}

/** @param {number | null | undefined} seconds */
export function span(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return NONE;
  let left = Math.max(0, Math.floor(seconds));
  const parts = [];
  for (const [length, unit] of SPANS) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0 || parts.length > 0) parts.push(count > 0 ? `${count} ${unit}` : '');
  }
  return parts.slice(0, 2).filter(Boolean).join(' ') || '0 s';
}

/** @param {Date} time */
export function clock(time) {
  return CLOCK.format(time);
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

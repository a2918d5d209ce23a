import { currentLocale } from './words.js';

const STEP = 1000;
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/**
 * @param {number} number
 * @param {number} [digits] after the point, at most
 */
export function displayNumber(number, digits = 0) {
  return number.toLocaleString(currentLocale(), { maximumFractionDigits: digits });
}

/** @param {number} bytes */
export function displaySize(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(STEP)));
  const number = bytes / STEP ** step;
  return `${displayNumber(number, number < 10 && step > 0 ? 1 : 0)} ${UNITS[step]}`;
}

/** @param {Date} date */
export function displayTime(date) {
  return date.toLocaleTimeString(currentLocale(), { hour: '2-digit', minute: '2-digit' });
}

/**
 * "Ada, Ben and Eve", as the language says it.
 *
 * @param {string[]} names
 */
export function displayNames(names) {
  return new Intl.ListFormat(currentLocale()).format(names);
}

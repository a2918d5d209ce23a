import { words } from './words.js';

const ADJECTIVES = [
  'amber', 'brave', 'bright', 'calm', 'clever', 'cosy', 'early', 'gentle', 'golden', 'happy', 'kind', 'little',
  'lucky', 'mellow', 'merry', 'misty', 'quiet', 'silver', 'snowy', 'sunny', 'swift', 'tidy', 'warm', 'wild',
];
const NOUNS = [
  'badger', 'beacon', 'birch', 'brook', 'cedar', 'comet', 'falcon', 'fern', 'garden', 'harbour', 'heron', 'island',
  'lantern', 'maple', 'meadow', 'orchard', 'otter', 'pebble', 'river', 'robin', 'sparrow', 'thistle', 'valley', 'willow',
];

/** What can't be seen, or turns the direction of writing: it would make one name look like another. */
const UNSEEN = /[\p{Cc}\p{Bidi_C}\p{Default_Ignorable_Code_Point}]/gu;

/** A name that can be said over the phone: `calm-otter-417`. */
export function suggestRoom() {
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}-${100 + Math.floor(Math.random() * 900)}`;
}

/**
 * A name as somebody told it, or '' where they told none.
 *
 * @param {unknown} told
 */
export function toldName(told) {
  return typeof told === 'string' ? [...visible(told)].slice(0, 40).join('').trim() : '';
}

/**
 * A text without what can't be seen in it.
 *
 * @param {string} text
 */
export function visible(text) {
  return text.replace(UNSEEN, '').trim();
}

/**
 * What to call somebody, whatever they sent as their name.
 *
 * @param {unknown} told
 */
export function displayName(told) {
  return toldName(told) || words().guest;
}

/**
 * @param {string} name
 */
export function initials(name) {
  const words = name.split(/\s+/);
  return [words[0], words.length > 1 ? words[words.length - 1] : ''].map((word) => [...word][0] ?? '').join('').toUpperCase();
}

/**
 * @template T
 * @param {T[]} list
 */
function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}

const ADJECTIVES = [
  'amber', 'brave', 'bright', 'calm', 'clever', 'cosy', 'early', 'gentle', 'golden', 'happy', 'kind', 'little',
  'lucky', 'mellow', 'merry', 'misty', 'quiet', 'silver', 'snowy', 'sunny', 'swift', 'tidy', 'warm', 'wild',
];
const NOUNS = [
  'badger', 'beacon', 'birch', 'brook', 'cedar', 'comet', 'falcon', 'fern', 'garden', 'harbour', 'heron', 'island',
  'lantern', 'maple', 'meadow', 'orchard', 'otter', 'pebble', 'river', 'robin', 'sparrow', 'thistle', 'valley', 'willow',
];

/** A name that can be said over the phone: `calm-otter-417`. */
export function suggestRoom() {
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}-${100 + Math.floor(Math.random() * 900)}`;
}

/**
 * What to call somebody, whatever they sent as their name.
 *
 * @param {unknown} name
 */
export function displayName(name) {
  return (typeof name === 'string' && [...name.trim()].slice(0, 40).join('')) || 'Guest';
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

const ADDRESS = /\bhttps?:\/\/[^\s<>"']+/gi;
/** What follows an address in a sentence, and isn't part of it. */
const PUNCTUATION = '.,;:!?)]}，。！？；：）】」』';

/**
 * A text whose web addresses are links. Anybody may have written it: it stays text, and only http and https lead anywhere.
 *
 * @param {string} text
 * @returns {(string | HTMLAnchorElement)[]}
 */
export function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = withoutPunctuation(match[0]);
    if (!URL.canParse(address)) continue;
    parts.push(text.slice(end, match.index), link(address));
    end = match.index + address.length;
  }
  return [...parts, text.slice(end)];
}

/**
 * A bracket that the address itself opened belongs to it.
 *
 * @param {string} address
 */
function withoutPunctuation(address) {
  let unopened = address.split(')').length - address.split('(').length;
  let end = address.length;
  while (PUNCTUATION.includes(address[end - 1])) {
    if (address[end - 1] === ')' && unopened-- <= 0) break;
    end -= 1;
  }
  return address.slice(0, end);
}

/** @param {string} address */
function link(address) {
  return Object.assign(document.createElement('a'), {
    href: address,
    textContent: address,
    target: '_blank',
    rel: 'noopener noreferrer nofollow',
  });
}

import { en } from './i18n/en.js';
import { zh } from './i18n/zh.js';
import { recall, remember } from './memory.js';

/** @import { Words } from './i18n/en.js' */
/** @typedef {(t: Words) => string} Tell says something in the language it is given */
/** @typedef {keyof typeof LANGUAGES} Language */

const LANGUAGES = { en, zh };
const LANGUAGE_KEY = 'switchboard.language';
/** Where an element can have words, and the attribute by which index.html asks for them. */
const PLACES = /** @type {const} */ ({
  'data-text': 'text',
  'data-label': 'aria-label',
  'data-hint': 'placeholder',
  'data-tells': 'data-tip',
});
/** @typedef {typeof PLACES[keyof typeof PLACES]} Place */

/** What is written where, so that it can be written again in another language.
 * @type {WeakMap<Element, Map<Place, Tell>>} */
const written = new WeakMap();

/** @type {Language} */
let language = languageOf([recall(LANGUAGE_KEY), ...navigator.languages]);
document.documentElement.lang = language;

export function currentLanguage() {
  return language;
}

/** The language with the habits of the browser's region, where it is the browser's. */
export function currentLocale() {
  return navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
}

/** @param {string} next */
export function setLanguage(next) {
  if (!isLanguage(next) || next === language) return;
  language = next;
  remember(LANGUAGE_KEY, next);
  document.documentElement.lang = next;
  for (const element of document.querySelectorAll('[data-written]')) {
    written.get(element)?.forEach((tell, place) => put(element, place, tell));
  }
}

/** The words of the language of the page.
 * @returns {Words} */
export function words() {
  return LANGUAGES[language];
}

/**
 * Writes the text of an element, now and in each language that is chosen later.
 *
 * @param {Element} element
 * @param {Tell} tell
 * @param {Place} [place]
 */
export function write(element, tell, place = 'text') {
  const places = written.get(element) ?? new Map();
  written.set(element, places.set(place, tell));
  element.toggleAttribute('data-written', true);
  put(element, place, tell);
}

/**
 * Writes what index.html asks for.
 *
 * @param {ParentNode} part
 */
export function translate(part) {
  for (const [attribute, place] of Object.entries(PLACES)) {
    for (const element of part.querySelectorAll(`[${attribute}]`)) {
      write(element, entry(element.getAttribute(attribute)), place);
    }
  }
}

/** @param {string | null} key */
function entry(key) {
  return (/** @type {Words} */ t) => {
    const text = t[/** @type {keyof Words} */ (key)];
    if (typeof text !== 'string') throw new Error(`no words for ${key}`);
    return text;
  };
}

/**
 * @param {Element} element
 * @param {Place} place
 * @param {Tell} tell
 */
function put(element, place, tell) {
  const text = tell(words());
  if (place !== 'text') element.setAttribute(place, text);
  else if (element.textContent !== text) element.textContent = text;
}

/** @param {readonly string[]} wanted */
function languageOf(wanted) {
  return /** @type {Language} */ (wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find(isLanguage) ?? 'en');
}

/**
 * @param {string} tag
 * @returns {tag is Language}
 */
function isLanguage(tag) {
  return Object.hasOwn(LANGUAGES, tag);
}

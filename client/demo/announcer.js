import { byId } from './page.js';
import { words } from './words.js';

/** @import { Tell } from './words.js' */

/** What comes within that time is said in one go. */
const GATHER_MS = 1500;
/** More would be chatter. */
const MOST_SAID = 3;

/** Tells those who don't see the page what happens while the chat, which tells it too, is closed. */
export class Announcer {
  #element = byId('announcer');
  /** @type {Tell[]} */
  #waiting = [];

  /** @param {Tell} tell */
  say(tell) {
    if (this.#waiting.push(tell) === 1) setTimeout(() => this.#speak(), GATHER_MS);
  }

  #speak() {
    const sentences = this.#waiting.splice(0).slice(-MOST_SAID).map((tell) => tell(words()));
    this.#element.textContent = sentences.join('. ');
  }
}

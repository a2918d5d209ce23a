import { byId } from './page.js';
import { write } from './words.js';

/** @import { Tell } from './words.js' */

/** Long enough to be read twice. */
const STAYS_MS = 6000;

/** Something that happened, and needs no answer. */
export class Toast {
  #element = byId('toast');
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Tell} tell */
  show(tell) {
    clearTimeout(this.#timer);
    write(this.#element, tell);
    this.#element.classList.add('shown');
    this.#timer = setTimeout(() => this.hide(), STAYS_MS);
  }

  hide() {
    clearTimeout(this.#timer);
    write(this.#element, () => '');
    this.#element.classList.remove('shown');
  }
}

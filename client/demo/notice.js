import { byId, find } from './page.js';
import { write } from './words.js';

/** @import { Failure } from './failures.js' */

/** A sentence about a failure, and a button that does something about it. */
export class Notice {
  #element;

  /** @param {string} id */
  constructor(id) {
    this.#element = byId(id);
  }

  /**
   * @param {Failure} failure
   * @param {() => void} act
   */
  show({ sentence, label }, act) {
    const text = document.createElement('p');
    write(text, sentence);
    const button = document.createElement('button');
    button.type = 'button';
    write(button, label);
    button.addEventListener('click', act);
    this.#element.replaceChildren(text, button);
    this.#element.hidden = false;
  }

  /** For whoever pressed a button that is gone now. */
  focus() {
    /** @type {HTMLElement} */ (find(this.#element, 'button')).focus();
  }

  hide() {
    this.#element.hidden = true;
    this.#element.replaceChildren();
  }
}

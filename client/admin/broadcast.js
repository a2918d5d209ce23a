import { part, setText } from './page.js';

/** @typedef {{ eventName: string, data: unknown }} Event */

/** A form that makes an event. */
export class BroadcastForm {
  #form;
  #data;
  #notice;

  /**
   * @param {HTMLElement} parent
   * @param {(event: Event) => void} send
   */
  constructor(parent, send) {
    this.#form = /** @type {HTMLFormElement} */ (part(parent, 'form'));
    this.#data = /** @type {HTMLTextAreaElement} */ (part(parent, 'data'));
    this.#notice = part(parent, 'notice');
    this.#form.addEventListener('submit', (submit) => {
      submit.preventDefault();
      const event = this.#read();
      if (event) send(event);
    });
  }

  /** @returns {Event | null} */
  #read() {
    const eventName = /** @type {HTMLInputElement} */ (part(this.#form, 'event')).value;
    try {
      const data = JSON.parse(this.#data.value.trim() || 'null');
      this.#tell('');
      return { eventName, data };
    } catch (error) {
      this.#tell(`The data isn't JSON: ${/** @type {Error} */ (error).message}`);
      this.#data.focus();
      return null;
    }
  }

  /** @param {string} sentence */
  #tell(sentence) {
    setText(this.#notice, sentence);
    this.#notice.hidden = sentence === '';
    this.#data.setAttribute('aria-invalid', `${sentence !== ''}`);
  }
}

import { Api, ApiError } from './api.js';
import { byId, part, setText } from './page.js';

const WRONG = "That isn't this node's token.";

/** The card that asks for the admin token. */
export class Login {
  #element = byId('login');
  #form = /** @type {HTMLFormElement} */ (part(this.#element, 'form'));
  #field = /** @type {HTMLInputElement} */ (part(this.#element, 'token'));
  #button = /** @type {HTMLButtonElement} */ (part(this.#element, 'submit'));
  #notice = part(this.#element, 'notice');

  /** @param {(token: string) => void} enter */
  constructor(enter) {
    this.#form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const token = this.#field.value.trim();
      if (await this.#isRight(token)) enter(token);
    });
  }

  /** @param {ApiError} [error] Why it is asked for again. */
  show(error) {
    this.#element.hidden = false;
    this.#tell(error ? sentenceOf(error) : '');
    this.#field.focus();
  }

  hide() {
    this.#element.hidden = true;
    this.#field.value = '';
    this.#tell('');
  }

  /** @param {string} token */
  async #isRight(token) {
    this.#button.disabled = true;
    try {
      await new Api(token).nodes();
      return true;
    } catch (error) {
      this.#tell(sentenceOf(/** @type {ApiError} */ (error)));
      this.#field.select();
      return false;
    } finally {
      this.#button.disabled = false;
    }
  }

  /** @param {string} sentence */
  #tell(sentence) {
    this.#notice.hidden = sentence === '';
    setText(this.#notice, sentence);
    this.#field.setAttribute('aria-invalid', `${sentence !== ''}`);
  }
}

/** @param {ApiError} error */
function sentenceOf({ status, message }) {
  return status === 401 ? WRONG : message;
}

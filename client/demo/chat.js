import { displayName } from './names.js';
import { byId, find, fromTemplate } from './page.js';

const WIDE = matchMedia('(min-width: 60rem)');

/** Text among everybody in the room. */
export class Chat {
  #panel = byId('chat');
  #list = byId('messages');
  #toggle = byId('toggle-chat');

  /** @param {(text: string) => void} send */
  constructor(send) {
    const form = /** @type {HTMLFormElement} */ (byId('compose'));
    const input = /** @type {HTMLInputElement} */ (find(form, 'input'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text) send(text);
      form.reset();
    });
    this.#toggle.addEventListener('click', () => {
      this.#open(!this.#isOpen);
      if (this.#isOpen) input.focus();
    });
    byId('close-chat').addEventListener('click', () => {
      this.#open(false);
      this.#toggle.focus();
    });
  }

  /** Starts afresh: open where there is room for it. */
  clear() {
    this.#list.replaceChildren();
    this.#open(WIDE.matches);
  }

  /**
   * @param {unknown} name
   * @param {string} text
   * @param {{ own?: boolean }} [options]
   */
  say(name, text, { own = false } = {}) {
    const message = fromTemplate('message');
    find(message, 'li').classList.toggle('own', own);
    find(message, 'b').textContent = displayName(name);
    find(message, 'time').textContent = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    find(message, '.text').textContent = text;
    this.#append(message);
    this.#toggle.classList.toggle('unread', !this.#isOpen);
  }

  /** @param {string} text */
  tell(text) {
    const line = document.createElement('li');
    line.className = 'event';
    line.textContent = text;
    this.#append(line);
  }

  /** @param {Node} line */
  #append(line) {
    this.#list.append(line);
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  get #isOpen() {
    return !this.#panel.hidden;
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.#panel.hidden = !isOpen;
    this.#toggle.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) this.#toggle.classList.remove('unread');
  }
}

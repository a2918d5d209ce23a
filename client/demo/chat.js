import { displayName } from './names.js';
import { byId, find, fromTemplate } from './page.js';

const WIDE = matchMedia('(min-width: 60rem)');

/** Text among everybody in the room. */
export class Chat {
  #panel = byId('chat');
  #list = byId('messages');
  #toggle = byId('toggle-chat');
  #covered = [byId('people'), byId('tools')];

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
    byId('close-chat').addEventListener('click', () => this.#close());
    addEventListener('keydown', ({ key }) => {
      if (key === 'Escape' && this.#isSheet) this.#close();
    });
    WIDE.addEventListener('change', () => this.#cover());
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
    const log = find(this.#panel, '.log');
    log.scrollTop = log.scrollHeight;
  }

  get #isOpen() {
    return !this.#panel.hidden;
  }

  /** On a small screen the chat lies over the rest. */
  get #isSheet() {
    return this.#isOpen && !WIDE.matches;
  }

  #close() {
    this.#open(false);
    this.#toggle.focus();
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.#panel.hidden = !isOpen;
    this.#cover();
    this.#toggle.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) this.#toggle.classList.remove('unread');
  }

  /** What the sheet hides cannot be reached by keyboard either. */
  #cover() {
    for (const covered of this.#covered) covered.inert = this.#isSheet;
  }
}

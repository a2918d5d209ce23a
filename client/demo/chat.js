import { displayTime } from './format.js';
import { linked } from './links.js';
import { displayName } from './names.js';
import { byId, find, fromTemplate } from './page.js';
import { write } from './words.js';

/** @import { Tell } from './words.js' */

const WIDE = matchMedia('(min-width: 60rem)');
const MOST_TOLD = 99;

/** What people wrote since you came in, and what happened meanwhile. */
export class Chat {
  #panel = byId('chat');
  #log = find(this.#panel, '.log');
  #list = byId('messages');
  #toggle = byId('toggle-chat');
  #badge = byId('badge');
  #covered = [byId('people'), byId('tools')];
  #unread = 0;

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
      this.#open(!this.isOpen);
      if (this.isOpen) input.focus();
    });
    byId('close-chat').addEventListener('click', () => this.#close());
    addEventListener('keydown', ({ key }) => {
      if (key === 'Escape' && this.#isSheet && !document.querySelector('dialog[open]')) this.#close();
    });
    WIDE.addEventListener('change', () => this.#cover());
  }

  /** Starts afresh: open where there is room for it. */
  clear() {
    this.#list.replaceChildren();
    this.#open(WIDE.matches);
    this.#setUnread(0);
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  /**
   * @param {unknown} name
   * @param {string} text
   * @param {{ own?: boolean }} [options]
   */
  say(name, text, { own = false } = {}) {
    const message = fromTemplate('message');
    find(message, '.text').append(...linked(text));
    this.add(message, name, { own });
  }

  /** @param {Tell} tell */
  tell(tell) {
    const line = document.createElement('li');
    line.className = 'event';
    write(line, tell);
    this.#append(line);
  }

  /**
   * Something that somebody sent.
   *
   * @param {DocumentFragment} entry
   * @param {unknown} name
   * @param {{ own?: boolean }} [options]
   */
  add(entry, name, { own = false } = {}) {
    const time = new Date();
    find(entry, 'li').classList.toggle('own', own);
    write(find(entry, 'b'), () => displayName(name));
    write(find(entry, 'time'), () => displayTime(time));
    this.#append(entry, own);
    if (!own && !this.isOpen) this.#setUnread(this.#unread + 1);
  }

  /**
   * Goes along with what is new, but not away from what somebody scrolled back to.
   *
   * @param {Node} line
   * @param {boolean} [isOwn]
   */
  #append(line, isOwn = false) {
    const isAtEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 80;
    this.#list.append(line);
    if (isAtEnd || isOwn) this.#scrollToEnd();
  }

  #scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** @param {number} count */
  #setUnread(count) {
    this.#unread = count;
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > MOST_TOLD ? `${MOST_TOLD}+` : String(count);
    write(byId('unread'), (t) => (count > 0 ? t.unread(count) : ''));
  }

  /** On a small screen the chat lies over the rest. */
  get #isSheet() {
    return this.isOpen && !WIDE.matches;
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
    if (!isOpen) return;
    this.#setUnread(0);
    this.#scrollToEnd();
  }

  /** What the sheet hides cannot be reached by keyboard either. */
  #cover() {
    for (const covered of this.#covered) covered.inert = this.#isSheet;
  }
}

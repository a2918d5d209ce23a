import { fromTemplate } from './page.js';

/**
 * Rows that follow a list: each stays the same element as long as its item is there, so that the keyboard stays where it
 * is while figures move.
 *
 * @template T
 */
export class Rows {
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #container;
  #template;
  #keyOf;
  #fill;
  #refuge;

  /**
   * @param {object} options
   * @param {HTMLElement} options.container
   * @param {string} options.template Its id.
   * @param {(item: T) => string} options.keyOf
   * @param {(row: HTMLElement, item: T) => void} options.fill
   * @param {HTMLElement} options.refuge Where the keyboard goes when its row is gone.
   */
  constructor({ container, template, keyOf, fill, refuge }) {
    this.#container = container;
    this.#template = template;
    this.#keyOf = keyOf;
    this.#fill = fill;
    this.#refuge = refuge;
  }

  /** @param {T[]} items */
  show(items) {
    this.#drop(new Set(items.map(this.#keyOf)));
    items.forEach((item, index) => {
      const row = this.#rowOf(this.#keyOf(item));
      if (this.#container.children[index] !== row) this.#container.insertBefore(row, this.#container.children[index] ?? null);
      this.#fill(row, item);
    });
  }

  /** @param {string} key */
  #rowOf(key) {
    let row = this.#rows.get(key);
    if (!row) this.#rows.set(key, (row = fromTemplate(this.#template)));
    return row;
  }

  /** @param {Set<string>} kept */
  #drop(kept) {
    for (const [key, row] of this.#rows) {
      if (kept.has(key)) continue;
      const hadFocus = row.contains(document.activeElement);
      row.remove();
      this.#rows.delete(key);
      if (hadFocus) this.#refuge.focus();
    }
  }
}

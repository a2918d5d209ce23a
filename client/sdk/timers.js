/** The browser takes a longer wait for none. */
const LONGEST_MS = 2 ** 31 - 1;

/** Timers by name: each is set anew, or cleared, and all end together. */
export class Timers {
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #handles = new Map();

  /**
   * @param {string} name
   * @param {number} inMs
   * @param {() => void} act
   */
  set(name, inMs, act) {
    this.clear(name);
    const handle = setTimeout(() => {
      this.#handles.delete(name);
      act();
    }, Math.min(inMs, LONGEST_MS));
    this.#handles.set(name, handle);
  }

  /** @param {string} name */
  has(name) {
    return this.#handles.has(name);
  }

  /** @param {string} name */
  clear(name) {
    clearTimeout(this.#handles.get(name));
    this.#handles.delete(name);
  }

  clearAll() {
    for (const name of this.#handles.keys()) this.clear(name);
  }
}

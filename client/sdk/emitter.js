/**
 * Typed events: `Events` maps each event's name to its listeners' signature. A listener's mistake shows up as an uncaught error
 * and stops neither the SDK nor other listeners.
 *
 * @template {{ [E in keyof Events]: (...args: any[]) => void }} Events
 */
export class Emitter {
  #target = new EventTarget();

  /**
   * @template {keyof Events & string} E
   * @param {E} event
   * @param {Events[E]} listener
   * @param {{ once?: boolean, signal?: AbortSignal }} [options]
   * @returns {() => void} stops listening
   */
  on(event, listener, options) {
    const hear = (/** @type {any} */ call) => {
      call.preventDefault();
      listener(...call.detail);
    };
    this.#target.addEventListener(event, hear, options);
    return () => this.#target.removeEventListener(event, hear);
  }

  /**
   * @template {keyof Events & string} E
   * @param {E} event
   * @param {Parameters<Events[E]>} args
   * @returns {boolean} whether anybody listens
   */
  emit(event, ...args) {
    return !this.#target.dispatchEvent(new CustomEvent(event, { detail: args, cancelable: true }));
  }
}

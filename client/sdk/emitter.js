/**
 * Typed events: `Events` maps each event's name to its listeners' signature.
 *
 * @template {{ [E in keyof Events]: (...args: any[]) => void }} Events
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<Function>>} */
  #listeners = new Map();

  /**
   * @template {keyof Events} E
   * @param {E} event
   * @param {Events[E]} listener
   * @param {{ once?: boolean, signal?: AbortSignal }} [options]
   * @returns {() => void} stops listening
   */
  on(event, listener, { once = false, signal } = {}) {
    const listeners = this.#listenersOf(event);
    const stop = () => {
      listeners.delete(call);
      signal?.removeEventListener('abort', stop);
    };
    const call = (/** @type {any[]} */ ...args) => {
      if (once) stop();
      listener(...args);
    };
    if (!signal?.aborted) {
      listeners.add(call);
      signal?.addEventListener('abort', stop);
    }
    return stop;
  }

  /**
   * @template {keyof Events} E
   * @param {E} event
   * @param {Parameters<Events[E]>} args
   */
  emit(event, ...args) {
    for (const listener of [...this.#listenersOf(event)]) {
      if (!this.#listenersOf(event).has(listener)) continue; // removed by one before it
      try {
        listener(...args);
      } catch (error) {
        reportLater(error);
      }
    }
  }

  /** @param {keyof Events} event */
  hasListeners(event) {
    return this.#listenersOf(event).size > 0;
  }

  /** @param {keyof Events} event */
  #listenersOf(event) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    return listeners;
  }
}

/**
 * A listener's mistake shows up as an uncaught error and stops neither the SDK nor other listeners.
 *
 * @param {unknown} error
 */
function reportLater(error) {
  queueMicrotask(() => {
    throw error;
  });
}

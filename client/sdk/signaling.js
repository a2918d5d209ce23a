import { errorFromClose } from './errors.js';

/** @import { SwitchboardError } from './errors.js' */

/**
 * One WebSocket to a gateway, carrying `{ eventName, data }`.
 */
export class Signaling {
  #socket;
  #silence = new AbortController();

  /**
   * @param {typeof globalThis.WebSocket} WebSocket
   * @param {string} url
   * @param {{
   *   onopen: () => void,
   *   onevent: (eventName: string, data: any) => void,
   *   onlost: (error: SwitchboardError) => void,
   * }} handlers
   */
  constructor(WebSocket, url, { onopen, onevent, onlost }) {
    this.#socket = new WebSocket(socketUrl(url), 'switchboard.v1');
    const { signal } = this.#silence;
    this.#socket.addEventListener('open', onopen, { signal });
    this.#socket.addEventListener('close', ({ code }) => onlost(errorFromClose(code)), { signal });
    this.#socket.addEventListener('message', (message) => {
      const { eventName, data } = JSON.parse(message.data);
      onevent(eventName, data);
    }, { signal });
  }

  /**
   * @param {string} eventName
   * @param {object} data
   */
  send(eventName, data) {
    this.#socket.send(JSON.stringify({ eventName, data }));
  }

  /**
   * Says goodbye. No handler is called from here on.
   *
   * @returns {Promise<void>} resolves once the socket is closed
   */
  close() {
    this.#silence.abort();
    return new Promise((resolve) => {
      if (this.#socket.readyState === this.#socket.CLOSED) return resolve();
      this.#socket.addEventListener('close', () => resolve());
      this.#socket.close(1000, 'bye');
    });
  }
}

/**
 * `/ws` and `https://example.org/ws` are as good as `wss://example.org/ws`.
 *
 * @param {string} url
 */
function socketUrl(url) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace('http', 'ws');
  return absolute.href;
}

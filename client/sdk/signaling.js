import { errorFromClose, SwitchboardError } from './errors.js';

/** What a gateway takes, unless it is told otherwise. A larger frame would cost the connection. */
const MOST_BYTES = 64 * 1024;

/**
 * One WebSocket to a gateway, carrying `{ eventName, data }`.
 */
export class Signaling {
  #socket;
  #onevent;
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
    this.#socket = openSocket(WebSocket, url);
    this.#onevent = onevent;
    const { signal } = this.#silence;
    this.#socket.addEventListener('open', onopen, { signal });
    this.#socket.addEventListener('close', ({ code }) => onlost(errorFromClose(code)), { signal });
    this.#socket.addEventListener('message', (message) => {
      const { eventName, data } = JSON.parse(message.data);
      onevent(eventName, data);
    }, { signal });
  }

  /**
   * What is too large is refused here, in the gateway's words.
   *
   * @param {string} eventName
   * @param {{ socketId?: string }} data
   */
  send(eventName, data) {
    const frame = JSON.stringify({ eventName, data });
    if (new TextEncoder().encode(frame).length <= MOST_BYTES) return this.#socket.send(frame);
    const { socketId } = data;
    this.#onevent('error', { code: 'too_large', message: `This ${eventName} is too large to send.`, retryable: false, socketId });
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
 * @param {typeof globalThis.WebSocket} WebSocket
 * @param {string} url
 */
function openSocket(WebSocket, url) {
  try {
    return new WebSocket(socketUrl(url), 'switchboard.v1');
  } catch (cause) {
    throw new SwitchboardError('unavailable', 'This is no address of a gateway.', { retryable: false, cause });
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

import { errorFromClose, SwitchboardError } from './errors.js';
import { Timers } from './timers.js';

/** @typedef {new (url: string, protocol: string) => WebSocket} WebSocketClass */

/** A gateway that was silent for so long is asked for a sign of life. */
const SILENCE_MS = 20_000;
/** How long it has for that. */
const PATIENCE_MS = 10_000;
/** A code of our own: after 1000 the gateway would take us out of the room. */
const GIVEN_UP = 4000;

/** One WebSocket to a gateway, which is known to be there. */
export class Connection {
  #socket;
  #onlost;
  #isSilent = false;
  #timers = new Timers();
  /** When the answer to a ping is due. */
  #answerDue = Infinity;

  /**
   * @param {WebSocketClass} WebSocket
   * @param {string} url
   * @param {{
   *   onopen: () => void,
   *   onevent: (eventName: string, data: any, n?: number) => void,
   *   onlost: (error: SwitchboardError) => void,
   * }} handlers
   */
  constructor(WebSocket, url, { onopen, onevent, onlost }) {
    this.#socket = new WebSocket(url, 'switchboard.v1');
    this.#onlost = onlost;
    this.#listen('open', () => {
      this.#hearLife();
      onopen();
    });
    this.#listen('message', ({ data: frame }) => {
      this.#hearLife();
      const { eventName, data, n } = JSON.parse(frame);
      onevent(eventName, data, n);
    });
    this.#listen('close', (event) => this.#lose(errorFromClose(event)));
    this.#listen('error', () => {}); // told with the close; in Node, one that nobody hears ends the process
  }

  /** @param {string} frame */
  send(frame) {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(frame);
  }

  /**
   * Asks for a sign of life. One question at a time; an impatient one shortens the time for the answer.
   *
   * @param {number} patienceMs
   */
  probe(patienceMs) {
    const due = Date.now() + patienceMs;
    if (due >= this.#answerDue) return;
    if (this.#answerDue === Infinity) this.send('{"eventName":"ping"}');
    this.#answerDue = due;
    this.#timers.set('life', patienceMs, () => {
      this.giveUp();
      this.#onlost(new SwitchboardError('timeout'));
    });
  }

  /** Ends it without leaving the room. No handler is called from here on. */
  giveUp() {
    this.#silence();
    this.#socket.close(GIVEN_UP);
  }

  /**
   * Says goodbye: the gateway takes us out of the room. No handler is called from here on.
   *
   * @returns {Promise<void>} resolves once the socket is closed
   */
  close() {
    this.#silence();
    return new Promise((resolve) => {
      if (this.#socket.readyState === this.#socket.CLOSED) return resolve();
      this.#socket.addEventListener('close', () => resolve());
      this.#socket.close(1000);
    });
  }

  #hearLife() {
    this.#answerDue = Infinity;
    this.#timers.set('life', SILENCE_MS, () => this.probe(PATIENCE_MS));
  }

  /** @param {SwitchboardError} error */
  #lose(error) {
    this.#silence();
    this.#onlost(error);
  }

  #silence() {
    this.#isSilent = true;
    this.#timers.clearAll();
  }

  /**
   * @template {keyof WebSocketEventMap} E
   * @param {E} event
   * @param {(event: WebSocketEventMap[E]) => void} listener
   */
  #listen(event, listener) {
    this.#socket.addEventListener(event, (/** @type {any} */ told) => this.#isSilent || listener(told));
  }
}

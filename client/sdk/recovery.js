import { Timers } from './timers.js';
import { listenForWakeups } from './wakeups.js';

/**
 * How long a connection may be in a state in which nothing flows, before another way is looked for. Browsers give up connecting
 * by themselves, Chromium after 15 s, but not where they were told of no candidate.
 *
 * @type {{ [state: string]: number | undefined }}
 */
const PATIENCE_MS = { new: 15_000, connecting: 20_000, disconnected: 4000, failed: 2000 };
/** It doubles with each attempt, up to this. */
const MOST_PATIENCE_MS = 60_000;
/** The impolite side lets the other go first: one offer is enough. */
const COURTESY_MS = 2000;

/** Looks for another way through the network while a connection has none. */
export class Recovery {
  #pc;
  #isPolite;
  /** Since there was a way. */
  #attempts = 0;
  #isOver = false;
  #timers = new Timers();
  #stopListening;

  /**
   * @param {RTCPeerConnection} pc
   * @param {() => boolean} isPolite
   */
  constructor(pc, isPolite) {
    this.#pc = pc;
    this.#isPolite = isPolite;
    this.#stopListening = listenForWakeups(() => this.hurry());
    pc.addEventListener('connectionstatechange', () => this.#watch());
    this.#watch();
  }

  /** What was in the way may be gone. */
  hurry() {
    if (/disconnected|failed/.test(this.#pc.connectionState)) this.restart();
  }

  /** While an offer of ours is open, the browser waits for its answer; before the first one is answered, there is nothing to restart. */
  restart() {
    if (this.#isOver) return;
    if (this.#pc.remoteDescription) {
      this.#attempts++;
      this.#pc.restartIce();
    }
    this.#watch();
  }

  end() {
    this.#isOver = true;
    this.#timers.clearAll();
    this.#stopListening();
  }

  #watch() {
    const { connectionState: state } = this.#pc;
    const patience = PATIENCE_MS[state];
    this.#timers.clearAll();
    if (!patience) this.#attempts = 0;
    else this.#timers.set('restart', this.#waitMs(state, patience), () => this.restart());
  }

  /**
   * @param {string} state
   * @param {number} patience
   */
  #waitMs(state, patience) {
    const hasJustFailed = state === 'failed' && this.#attempts === 0;
    const courtesy = this.#isPolite() ? 0 : COURTESY_MS;
    return courtesy + (hasJustFailed ? 0 : Math.min(patience * 2 ** this.#attempts, MOST_PATIENCE_MS));
  }
}

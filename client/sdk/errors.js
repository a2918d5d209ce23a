/** @import { ErrorCode } from './types.js' */

/** @type {Set<ErrorCode>} */
const RETRYABLE = new Set([
  'room_full', 'rate_limited', 'restart', 'overloaded', 'internal', 'unavailable',
  'ping_timeout', 'slow_consumer', 'timeout', 'peer_failed', 'media_in_use',
]);

/** Every error of the SDK. */
export class SwitchboardError extends Error {
  /** @readonly @type {ErrorCode} */
  code;
  /** The same call may succeed later, with nothing changed.
   * @readonly @type {boolean} */
  retryable;
  /** The room is no longer joined, nor will it be by itself.
   * @readonly @type {boolean} */
  fatal;
  /** When it may succeed, in milliseconds, where the gateway said so.
   * @readonly @type {number | undefined} */
  retryAfterMs;
  /** What the WebSocket closed with, where that was the cause.
   * @readonly @type {number | undefined} */
  closeCode;
  /** The peer it is about, if it is about one.
   * @readonly @type {string | undefined} */
  peerId;

  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {{ retryable?: boolean, fatal?: boolean, retryAfterMs?: number, closeCode?: number, peerId?: string, cause?: unknown }} [details]
   */
  constructor(code, message, { retryable, fatal = false, retryAfterMs, closeCode, peerId, cause } = {}) {
    super(message, { cause });
    this.name = 'SwitchboardError';
    this.code = code;
    this.retryable = retryable ?? RETRYABLE.has(code);
    this.fatal = fatal;
    this.retryAfterMs = retryAfterMs;
    this.closeCode = closeCode;
    this.peerId = peerId;
  }
}

/** @type {Record<number, [ErrorCode, string]>} */
const CLOSE_CODES = {
  1002: ['bad_message', 'The gateway could not read what was sent.'],
  1007: ['bad_message', 'The gateway could not read what was sent.'],
  1009: ['too_large', 'A message was larger than the gateway takes.'],
  1012: ['restart', 'The gateway is restarting.'],
  1013: ['overloaded', 'The gateway has as many connections as it can hold.'],
  4400: ['bad_message', 'The gateway could not read what was sent.'],
  4401: ['unauthorized', 'The gateway does not accept this token.'],
  4403: ['forbidden', 'This page may not join.'],
  4408: ['join_timeout', 'The gateway waited too long for the join.'],
  4409: ['replaced', 'Another connection goes on in this one\'s place.'],
  4410: ['kicked', 'An operator removed this client from the room.'],
  4411: ['room_closed', 'An operator closed the room.'],
  4500: ['internal', 'The gateway ran into a fault of its own.'],
  4503: ['unavailable', 'The gateway cannot serve rooms at the moment.'],
  4504: ['ping_timeout', 'The gateway heard nothing for too long.'],
  4508: ['slow_consumer', 'This client did not read its messages fast enough.'],
  4529: ['rate_limited', 'This client sent messages too fast.'],
};

/**
 * The error of a WebSocket that closed without our asking.
 *
 * @internal
 * @param {number} closeCode
 */
export function errorFromClose(closeCode) {
  const [code, message] = CLOSE_CODES[closeCode] ?? ['unavailable', 'The gateway cannot be reached.'];
  const retryable = isFinal(closeCode) ? false : undefined;
  return new SwitchboardError(code, message, { closeCode, retryable });
}

/**
 * docs/protocol.md: trying again doesn't help after any 44xx, those of a later gateway included.
 *
 * @param {number} closeCode
 */
function isFinal(closeCode) {
  return closeCode >= 4400 && closeCode < 4500;
}

/** @internal */
export function timedOut() {
  return new SwitchboardError('timeout', 'The gateway did not answer in time.');
}

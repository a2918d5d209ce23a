/** @import { ErrorCode } from './types.js' */

/** What may pass, of what goes wrong on this side. Of its own errors the gateway says it.
 * @type {ErrorCode[]} */
const RETRYABLE = ['timeout', 'overloaded', 'peer_failed', 'media_in_use'];

/** Every error of the SDK. */
export class SwitchboardError extends Error {
  /** What happened, in one word.
   * @readonly @type {ErrorCode} */
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
   * @param {string} [message] what the code doesn't say; without one, the code in words
   * @param {{ retryable?: boolean, fatal?: boolean, retryAfterMs?: number, closeCode?: number, peerId?: string, cause?: unknown }} [details]
   */
  constructor(code, message = code.replaceAll('_', ' '), details = {}) {
    super(message, details);
    const { retryable = RETRYABLE.includes(code), fatal = false, retryAfterMs, closeCode, peerId } = details;
    this.name = 'SwitchboardError';
    this.code = code;
    this.retryable = retryable;
    this.fatal = fatal;
    this.retryAfterMs = retryAfterMs;
    this.closeCode = closeCode;
    this.peerId = peerId;
  }
}

/** docs/protocol.md, "Close codes".
 * @type {Record<number, ErrorCode>} */
const CLOSE_CODES = {
  1002: 'bad_message', 1007: 'bad_message', 1009: 'too_large', 1012: 'restart', 1013: 'overloaded',
  4400: 'bad_message', 4401: 'unauthorized', 4403: 'forbidden', 4408: 'join_timeout', 4409: 'replaced', 4410: 'kicked',
  4411: 'room_closed', 4500: 'internal', 4503: 'unavailable', 4504: 'ping_timeout', 4508: 'slow_consumer', 4529: 'rate_limited',
};

/** Trying again doesn't help: after frames that can't be taken, and after any 44xx, those of a later gateway included. */
const FINAL = /^(44..|100[279])$/;

/**
 * The error of a WebSocket that closed without our asking. The number decides: a reason may be lost on the way, or anybody's.
 *
 * @internal
 * @param {{ code: number, reason?: string }} close
 */
export function errorFromClose({ code: closeCode, reason }) {
  const code = CLOSE_CODES[closeCode] ?? 'unavailable';
  const why = reason || CLOSE_CODES[closeCode];
  const message = why ? `The gateway closed the connection: ${closeCode} ${why}` : 'The gateway cannot be reached.';
  return new SwitchboardError(code, message, { closeCode, retryable: !FINAL.test(`${closeCode}`) });
}

/**
 * @internal
 * @param {string} what
 * @param {{ peerId?: string, cause?: unknown }} [details]
 */
export function tooLarge(what, details) {
  return new SwitchboardError('too_large', `This ${what} is too large to send.`, details);
}

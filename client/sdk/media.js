import { SwitchboardError } from './errors.js';

/** @import { ErrorCode } from './types.js' */

/**
 * Asks for camera and microphone.
 *
 * @param {MediaStreamConstraints} [constraints]
 * @returns {Promise<MediaStream>} rejects with a `SwitchboardError` that says why there is none
 */
export function openCamera(constraints = { audio: true, video: true }) {
  return open('Camera or microphone', (devices) => devices.getUserMedia(constraints));
}

/**
 * Asks for a screen, a window or a tab to show. Browsers want a click for it.
 *
 * @param {DisplayMediaStreamOptions} [options]
 * @returns {Promise<MediaStream>} rejects with a `SwitchboardError` that says why there is none
 */
export function openScreen(options) {
  return open('The screen', (devices) => devices.getDisplayMedia(options));
}

/**
 * @param {string} what
 * @param {(devices: MediaDevices) => Promise<MediaStream>} ask
 */
async function open(what, ask) {
  if (globalThis.isSecureContext === false) throw new SwitchboardError('insecure_context', `${what} needs HTTPS.`);
  try {
    return await ask(navigator.mediaDevices);
  } catch (cause) {
    const code = MEDIA_ERRORS[/** @type {any} */ (cause)?.name] ?? 'unsupported';
    throw new SwitchboardError(code, `${what} can't be used: ${cause}`, { cause });
  }
}

/** What the browser says, in our words.
 * @type {Record<string, ErrorCode>} */
const MEDIA_ERRORS = {
  NotAllowedError: 'media_denied',
  SecurityError: 'media_denied',
  InvalidStateError: 'media_denied', // a screen, without a click
  NotFoundError: 'media_not_found',
  NotReadableError: 'media_in_use',
  AbortError: 'media_in_use',
  OverconstrainedError: 'media_overconstrained',
};

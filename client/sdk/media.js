import { SwitchboardError } from './errors.js';

/** @import { ErrorCode } from './types.js' */

/**
 * Asks for camera and microphone.
 *
 * @param {MediaStreamConstraints} [constraints]
 * @returns {Promise<MediaStream>} rejects with a `SwitchboardError` that says why there is none
 */
export async function openCamera(constraints = { audio: true, video: true }) {
  const devices = globalThis.navigator?.mediaDevices;
  if (!devices) throw noDevicesError();
  try {
    return await devices.getUserMedia(constraints);
  } catch (cause) {
    throw errorFromMedia(cause);
  }
}

function noDevicesError() {
  if (globalThis.isSecureContext === false) {
    return new SwitchboardError('insecure_context', 'Camera and microphone need a page served over HTTPS.');
  }
  return new SwitchboardError('unsupported', 'This browser offers no camera or microphone.');
}

/** @type {Record<string, [ErrorCode, string]>} */
const MEDIA_ERRORS = {
  NotAllowedError: ['media_denied', 'Camera or microphone may not be used.'],
  SecurityError: ['media_denied', 'Camera or microphone may not be used.'],
  NotFoundError: ['media_not_found', 'There is no camera or microphone.'],
  NotReadableError: ['media_in_use', 'Another program is using the camera or microphone.'],
  AbortError: ['media_in_use', 'The camera or microphone could not be started.'],
  OverconstrainedError: ['media_overconstrained', 'No camera or microphone can do what was asked for.'],
};

/** @param {unknown} cause */
function errorFromMedia(cause) {
  const name = cause instanceof Error ? cause.name : '';
  const [code, message] = MEDIA_ERRORS[name] ?? ['unsupported', 'This browser cannot open camera or microphone as asked.'];
  return new SwitchboardError(code, message, { cause });
}

import { openCamera, SwitchboardError } from '../switchboard.js';
import { find } from './page.js';

/** @typedef {'microphone' | 'camera'} Device */

/** In a mesh everybody sends to everybody: a modest picture leaves room for nine. */
const PICTURE = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24, max: 30 } };

/**
 * Your microphone and camera. Tells of every change with a `change` event.
 */
export class Devices extends EventTarget {
  /** @type {MediaStreamTrack | null} */
  microphone = null;
  /** @type {MediaStreamTrack | null} */
  camera = null;
  /** The same as long as the camera is the same, so that who shows it goes on showing it.
   * @type {MediaStream | null} */
  picture = null;

  /** @param {Device} device */
  isOn(device) {
    return this[device]?.enabled ?? false;
  }

  /**
   * Opens both, or the one there is.
   *
   * @returns {Promise<void>} rejects with why something is missing
   */
  async open() {
    try {
      this.#take(await openCamera({ audio: true, video: PICTURE }));
    } catch (error) {
      if (!isAboutOneDevice(error)) throw error;
      await this.#openOne('microphone').catch(() => {});
      await this.#openOne('camera').catch(() => {});
      if (!this.microphone && !this.camera) throw error;
    }
  }

  /**
   * A silenced microphone stays open, so that unmuting is instant; a camera that is off is really
   * off, light included.
   *
   * @param {Device} device
   */
  async toggle(device) {
    if (!this[device]) return this.#openOne(device);
    if (device === 'camera') return this.#drop(device);
    this[device].enabled = !this[device].enabled;
    this.#changed();
  }

  /** @param {Device} device */
  async #openOne(device) {
    this.#take(await openCamera(device === 'camera' ? { video: PICTURE } : { audio: true }));
  }

  /** @param {MediaStream} stream */
  #take(stream) {
    for (const track of stream.getTracks()) {
      const device = track.kind === 'video' ? 'camera' : 'microphone';
      this[device]?.stop();
      this[device] = track;
      track.addEventListener('ended', () => this.#drop(device));
    }
    this.#changed();
  }

  /** @param {Device} device */
  #drop(device) {
    this[device]?.stop();
    this[device] = null;
    this.#changed();
  }

  #changed() {
    if (this.picture?.getTracks()[0] !== this.camera) this.picture = this.camera && new MediaStream([this.camera]);
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {unknown} error */
function isAboutOneDevice(error) {
  return error instanceof SwitchboardError && ['media_not_found', 'media_in_use', 'media_overconstrained'].includes(error.code);
}

/**
 * The buttons of a toolbar follow the devices, and switch them.
 *
 * @param {HTMLElement} toolbar
 * @param {Devices} devices
 * @param {(error: SwitchboardError) => void} onerror
 */
export function bindDeviceButtons(toolbar, devices, onerror) {
  for (const device of /** @type {Device[]} */ (['microphone', 'camera'])) {
    const button = find(toolbar, `[data-device=${device}]`);
    const show = () => {
      const isOn = devices.isOn(device);
      button.setAttribute('aria-pressed', String(isOn));
      button.title = `Turn ${device} ${isOn ? 'off' : 'on'}`;
    };
    button.addEventListener('click', () => devices.toggle(device).catch(onerror));
    devices.addEventListener('change', show);
    show();
  }
}

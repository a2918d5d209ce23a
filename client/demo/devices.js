import { openCamera, SwitchboardError } from '../switchboard.js';
import { recall, remember } from './memory.js';
import { find } from './page.js';
import { write } from './words.js';

/** @typedef {'microphone' | 'camera'} Device */
/** @typedef {{ device: Device, gone: string, now: string | null }} Replacement what somebody had, and has now */

/** In a mesh everybody sends to everybody: a modest picture leaves room for nine. */
const PICTURE = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24, max: 30 } };
const KIND = /** @type {const} */ ({ microphone: 'audioinput', camera: 'videoinput', speaker: 'audiooutput' });

/**
 * Your microphone and camera. Tells of every change with a `change` event, and with `replaced` of a device that
 * was unplugged (its `detail` is a `Replacement`).
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
      this.#take(await openWanted(['microphone', 'camera'], chosenOnce));
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

  /**
   * Uses another device of a kind, from now on and the next time.
   *
   * @param {Device} device
   * @param {string} id
   */
  async choose(device, id) {
    remember(memoryKey(device), id);
    if (!this[device]) return this.#changed();
    if (device === 'camera') this.camera?.stop(); // phones open only one at a time
    try {
      await this.#openOne(device);
    } catch (error) {
      if (this[device]?.readyState === 'ended') this.#drop(device);
      throw error;
    }
  }

  /** Which one is used, or would be.
   * @param {Device} device */
  idOf(device) {
    return this[device]?.getSettings().deviceId ?? recall(memoryKey(device));
  }

  /**
   * @param {Device} device
   * @param {(device: Device) => string} [which]
   */
  async #openOne(device, which = chosenOnce) {
    this.#take(await openWanted([device], which));
  }

  /** @param {MediaStream} stream */
  #take(stream) {
    for (const track of stream.getTracks()) {
      const device = track.kind === 'video' ? 'camera' : 'microphone';
      track.enabled = this[device]?.enabled ?? true; // who is silent stays silent, with whatever microphone
      this[device]?.stop();
      this[device] = track;
      track.addEventListener('ended', () => this.#replace(device, track));
    }
    this.#changed();
  }

  /**
   * A device that ends by itself was unplugged, or is no longer allowed.
   *
   * @param {Device} device
   * @param {MediaStreamTrack} track
   */
  async #replace(device, track) {
    if (this[device] !== track) return;
    const { deviceId } = track.getSettings();
    const others = (await listDevices(device)).filter((other) => other.deviceId !== deviceId);
    if (others.length > 0) await this.#openOne(device, () => others[0].deviceId).catch(() => {});
    if (this[device] === track) this.#drop(device);
    /** @type {Replacement} */
    const detail = { device, gone: track.label, now: this[device]?.label ?? null };
    this.dispatchEvent(new CustomEvent('replaced', { detail }));
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

/**
 * All of a kind; without names as long as the browser doesn't let the page use one.
 *
 * @param {keyof typeof KIND} kind
 */
export async function listDevices(kind) {
  const all = await navigator.mediaDevices?.enumerateDevices() ?? [];
  return all.filter((device) => device.kind === KIND[kind] && device.deviceId !== '');
}

/** @param {keyof typeof KIND} kind */
export function memoryKey(kind) {
  return `switchboard.${kind}`;
}

/** @param {Device} device */
function chosenOnce(device) {
  return recall(memoryKey(device));
}

/**
 * Opens the ones wanted, or others where these aren't there.
 *
 * @param {Device[]} devices
 * @param {(device: Device) => string} which
 */
async function openWanted(devices, which) {
  try {
    return await openCamera(constraints(devices, which));
  } catch (error) {
    if (!(error instanceof SwitchboardError && error.code === 'media_overconstrained')) throw error;
    return openCamera(constraints(devices, () => ''));
  }
}

/**
 * By `exact`: Chromium takes its own favourite in place of an ideal one.
 *
 * @param {Device[]} devices
 * @param {(device: Device) => string} which
 * @returns {MediaStreamConstraints}
 */
function constraints(devices, which) {
  return Object.fromEntries(devices.map((device) => {
    const [kind, others] = device === 'camera' ? ['video', PICTURE] : ['audio', {}];
    const id = which(device);
    return [kind, id ? { ...others, deviceId: { exact: id } } : { ...others }];
  }));
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
      write(button, (t) => (device === 'camera' ? t.turnCamera : t.turnMicrophone)(!isOn), 'data-tip');
    };
    button.addEventListener('click', () => devices.toggle(device).catch(onerror));
    devices.addEventListener('change', show);
    show();
  }
}

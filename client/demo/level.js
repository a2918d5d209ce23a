/** @import { Devices } from './devices.js' */

const SHOW_EVERY_MS = 80;
/** What a voice close to a microphone reaches. */
const LOUD = 0.25;

/** How loud your own microphone is. Silent until the browser lets pages make sound, after a first click or key. */
export class Level {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AnalyserNode | null} */
  #analyser = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #samples = new Float32Array(1024);
  #devices;

  /** @param {Devices} devices */
  constructor(devices) {
    this.#devices = devices;
    devices.addEventListener('change', () => this.#listen());
    for (const event of ['pointerdown', 'keydown']) {
      addEventListener(event, () => this.#listen(), { once: true, capture: true });
    }
  }

  /** From 0 to 1. */
  get value() {
    if (!this.#analyser || !this.#devices.isOn('microphone')) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    return Math.min(1, Math.sqrt(power) / LOUD);
  }

  #listen() {
    const { microphone } = this.#devices;
    if (!navigator.userActivation?.hasBeenActive || microphone === this.#track) return;
    this.#track = microphone;
    this.#analyser?.disconnect();
    this.#analyser = null;
    if (!microphone) return;
    this.#context ??= new AudioContext();
    this.#analyser = this.#context.createAnalyser();
    this.#context.createMediaStreamSource(new MediaStream([microphone])).connect(this.#analyser);
    this.#context.resume();
  }
}

/**
 * Shows a level while it can be seen.
 *
 * @param {HTMLElement} element
 * @param {Level} level
 */
export function meter(element, level) {
  setInterval(() => {
    if (element.offsetParent === null) return;
    const value = Math.sqrt(level.value); // as ears hear it
    element.style.setProperty('--level', value.toFixed(3));
    element.setAttribute('aria-valuenow', String(Math.round(value * 100)));
  }, SHOW_EVERY_MS);
}

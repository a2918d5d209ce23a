import { offerChoices } from './choices.js';
import { bindDeviceButtons } from './devices.js';
import { mediaFailure } from './failures.js';
import { recall, remember } from './memory.js';
import { suggestRoom } from './names.js';
import { Notice } from './notice.js';
import { byId, find } from './page.js';
import { Tile } from './tile.js';
import { write } from './words.js';

/** @import { SwitchboardError } from '../switchboard.js' */
/** @import { Hardware } from './hardware.js' */
/** @import { Action, Failure } from './failures.js' */

const NAME_KEY = 'switchboard.name';

/** Before the room: who you are, where you want to go, and how you look. */
export class Lobby {
  #element = byId('lobby');
  #form = /** @type {HTMLFormElement} */ (byId('join'));
  #name = /** @type {HTMLInputElement} */ (find(this.#form, '[name=name]'));
  #room = /** @type {HTMLInputElement} */ (find(this.#form, '[name=room]'));
  #submit = /** @type {HTMLButtonElement} */ (find(this.#form, '[type=submit]'));
  #preview = Tile.ofYourself(byId('preview'));
  #joinNotice = new Notice('join-notice');
  #mediaNotice = new Notice('media-notice');
  #devices;

  /**
   * @param {Hardware} hardware
   * @param {(name: string, room: string) => void} join
   */
  constructor(hardware, join) {
    const { devices } = hardware;
    const onerror = (/** @type {SwitchboardError} */ error) => this.#showMediaFailure(error);
    this.#devices = devices;
    bindDeviceButtons(this.#element, devices, onerror);
    offerChoices(byId('lobby-choices'), hardware, onerror);
    devices.addEventListener('change', () => this.#showDevices());
    this.#name.value = recall(NAME_KEY);
    this.#name.addEventListener('input', () => this.#showName());
    addEventListener('hashchange', () => this.#readAddress());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      remember(NAME_KEY, this.#name.value);
      join(this.#name.value, this.room);
    });
    this.#readAddress();
    this.#showName();
    this.#showDevices();
    this.#openDevices();
  }

  get room() {
    return this.#room.value.trim();
  }

  show() {
    this.#element.hidden = false;
    document.title = 'Switchboard';
    this.#submit.focus();
  }

  hide() {
    this.#element.hidden = true;
  }

  /** @param {boolean} isJoining */
  setJoining(isJoining) {
    this.#submit.disabled = isJoining;
    write(this.#submit, (t) => (isJoining ? t.joining : t.join));
    if (isJoining) this.#joinNotice.hide();
  }

  /** @param {Failure} failure */
  showJoinFailure(failure) {
    this.#joinNotice.show(failure, () => this.#act(failure.action));
    this.#joinNotice.focus();
  }

  /** @param {SwitchboardError} error */
  #showMediaFailure(error) {
    const failure = mediaFailure(error);
    this.#mediaNotice.show(failure, () => this.#act(failure.action));
  }

  /** @param {Action} action */
  #act(action) {
    switch (action) {
      case 'open-devices':
        return this.#openDevices();
      case 'open-securely':
        return location.assign(location.href.replace('http:', 'https:'));
      case 'join':
        return this.#form.requestSubmit();
      case 'rename':
        this.#joinNotice.hide();
        this.#room.value = suggestRoom();
        return this.#room.focus();
    }
  }

  #openDevices() {
    this.#devices.open().catch((error) => this.#showMediaFailure(error));
  }

  #readAddress() {
    this.#room.value = roomInAddress() || suggestRoom();
  }

  #showName() {
    const name = this.#name.value;
    this.#preview.setTitle((t) => name || t.you);
    this.#preview.setInitials(name);
  }

  #showDevices() {
    const { microphone, camera, picture } = this.#devices;
    if (microphone || camera) this.#mediaNotice.hide();
    this.#preview.setStream(picture);
    this.#preview.setDevices({ microphone: this.#devices.isOn('microphone'), camera: this.#devices.isOn('camera') });
  }
}

function roomInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return location.hash.slice(1);
  }
}

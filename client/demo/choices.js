import { listDevices } from './devices.js';
import { meter } from './level.js';
import { find, fromTemplate } from './page.js';
import { write } from './words.js';

/** @import { SwitchboardError } from '../switchboard.js' */
/** @import { Device, Devices } from './devices.js' */
/** @import { Level } from './level.js' */
/** @import { Speaker } from './speaker.js' */

/**
 * Lets somebody choose a microphone, a camera and, where the browser can do that, a speaker.
 *
 * @param {HTMLElement} element
 * @param {{ devices: Devices, speaker: Speaker, level: Level }} hardware
 * @param {(error: SwitchboardError) => void} onerror
 */
export function offerChoices(element, { devices, speaker, level }, onerror) {
  element.append(fromTemplate('choices'));
  find(element, '[data-kind=speaker]').hidden = !speaker.isChoosable;
  meter(find(element, '.level'), level);

  const kinds = /** @type {const} */ (['microphone', 'camera', 'speaker']);
  const show = () => kinds.forEach((kind) => fill(choiceOf(element, kind), kind, kind === 'speaker' ? speaker.id : devices.idOf(kind)));
  for (const kind of /** @type {Device[]} */ (['microphone', 'camera'])) {
    const select = choiceOf(element, kind);
    select.addEventListener('change', () => devices.choose(kind, select.value).catch(onerror).finally(show));
  }
  const speakers = choiceOf(element, 'speaker');
  speakers.addEventListener('change', () => speaker.choose(speakers.value));
  speaker.addEventListener('gone', show);
  devices.addEventListener('change', show);
  navigator.mediaDevices?.addEventListener('devicechange', show);
  show();
}

/**
 * @param {HTMLElement} element
 * @param {string} kind
 * @returns {HTMLSelectElement}
 */
function choiceOf(element, kind) {
  return find(element, `[data-kind=${kind}] select`);
}

/**
 * @param {HTMLSelectElement} select
 * @param {Device | 'speaker'} kind
 * @param {string} chosen
 */
async function fill(select, kind, chosen) {
  const found = await listDevices(kind);
  const options = found.map(({ deviceId, label }, index) => {
    const option = new Option('', deviceId);
    write(option, (t) => label || t.unnamedDevice(index + 1));
    return option;
  });
  if (kind === 'speaker' && !found.some(({ deviceId }) => deviceId === 'default')) options.unshift(usualDevice());
  select.replaceChildren(...(found.length > 0 ? options : [noDevice()]));
  select.disabled = found.length === 0;
  if (options.some(({ value }) => value === chosen)) select.value = chosen;
}

function usualDevice() {
  const option = new Option('', '');
  write(option, (t) => t.usualDevice);
  return option;
}

function noDevice() {
  const option = new Option('', '');
  write(option, (t) => t.noDevice);
  return option;
}

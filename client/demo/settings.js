import { offerChoices } from './choices.js';
import { bindDialog } from './dialogs.js';
import { byId } from './page.js';
import { listShortcuts } from './shortcuts.js';
import { currentLanguage, setLanguage } from './words.js';

/** @import { SwitchboardError } from '../switchboard.js' */
/** @import { Hardware } from './hardware.js' */

/** As their speakers call them. */
const LANGUAGES = { en: 'English', zh: '中文' };

/**
 * The dialogs that change something, or tell what can be pressed.
 *
 * @param {Hardware} hardware
 * @param {(error: SwitchboardError) => void} onerror
 */
export function bindSettings(hardware, onerror) {
  offerChoices(byId('settings-choices'), hardware, onerror);
  bindDialog('settings', 'open-settings');
  bindDialog('help', 'open-help', () => listShortcuts(byId('call')));
  offerLanguages();
}

function offerLanguages() {
  const selects = /** @type {HTMLSelectElement[]} */ ([...document.querySelectorAll('select.language')]);
  const show = () => selects.forEach((select) => (select.value = currentLanguage()));
  for (const select of selects) {
    select.replaceChildren(...Object.entries(LANGUAGES).map(([tag, name]) => Object.assign(new Option(name, tag), { lang: tag })));
    select.addEventListener('change', () => {
      setLanguage(select.value);
      show();
    });
  }
  show();
}

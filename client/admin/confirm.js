import { byId, part, setText } from './page.js';

const dialog = /** @type {HTMLDialogElement} */ (byId('confirm'));

/**
 * Asks before something is done that can't be undone.
 *
 * @param {{ title: string, sentence: string, label: string }} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, sentence, label }) {
  setText(part(dialog, 'title'), title);
  setText(part(dialog, 'sentence'), sentence);
  setText(part(dialog, 'yes'), label);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }));
}

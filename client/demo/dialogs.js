import { byId, fromTemplate } from './page.js';

/**
 * A dialog of index.html, with a button that opens it. It closes by its own button, by Escape, and by a press beside it.
 *
 * @param {string} id
 * @param {string} opener
 * @param {() => void} [beforeOpening]
 */
export function bindDialog(id, opener, beforeOpening = () => {}) {
  const dialog = /** @type {HTMLDialogElement} */ (byId(id));
  dialog.querySelector('header')?.append(fromTemplate('close-dialog'));
  dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
  byId(opener).addEventListener('click', () => {
    beforeOpening();
    dialog.showModal();
  });
}

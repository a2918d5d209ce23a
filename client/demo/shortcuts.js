import { byId } from './page.js';
import { write } from './words.js';

/**
 * Each key that a button of the call names in `aria-keyshortcuts` presses that button.
 *
 * @param {HTMLElement} call
 */
export function bindShortcuts(call) {
  addEventListener('keydown', (event) => {
    if (call.hidden || isMeantOtherwise(event)) return;
    const button = buttons(call).find((button) => button.ariaKeyShortcuts === event.key.toUpperCase());
    if (!button) return;
    event.preventDefault();
    button.click();
  });
}

/**
 * Lists them for people.
 *
 * @param {HTMLElement} call
 */
export function listShortcuts(call) {
  byId('shortcuts').replaceChildren(...buttons(call).flatMap((button) => {
    const [key, what] = [document.createElement('dt'), document.createElement('dd')];
    key.append(Object.assign(document.createElement('kbd'), { textContent: button.ariaKeyShortcuts }));
    write(what, () => button.ariaLabel ?? '');
    return [key, what];
  }));
}

/** @param {HTMLElement} call */
function buttons(call) {
  return /** @type {HTMLButtonElement[]} */ ([...call.querySelectorAll('[aria-keyshortcuts]:not([hidden])')]);
}

/**
 * Somebody types, holds a key down, or means the browser.
 *
 * @param {KeyboardEvent} event
 */
function isMeantOtherwise({ target, repeat, ctrlKey, altKey, metaKey, isComposing }) {
  if (repeat || ctrlKey || altKey || metaKey || isComposing || document.querySelector('dialog[open]')) return true;
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;
}

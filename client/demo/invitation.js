import { bindDialog } from './dialogs.js';
import { byId, find } from './page.js';
import { encode } from './vendor/uqr.js';
import { words, write } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';
const NEWS_MS = 2000;

/** The room's link: to copy, and as a QR code for the phone of whoever sits beside you. */
export function bindInvitation() {
  const link = /** @type {HTMLInputElement} */ (byId('link'));
  bindDialog('invitation', 'open-invitation', () => {
    link.value = location.href;
    drawCode(byId('qr'), location.href);
  });
  link.addEventListener('focus', () => link.select());
  copyOnPress(byId('copy-link'), find(byId('copy-link'), 'span'), (t) => t.copyLink);
  copyOnPress(byId('copy'), byId('copy'), (t) => t.copy);
}

/**
 * @param {HTMLElement} button
 * @param {HTMLElement} label
 * @param {import('./words.js').Tell} name
 */
function copyOnPress(button, label, name) {
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      write(label, (t) => t.copied);
      setTimeout(() => write(label, name), NEWS_MS);
    } catch {
      prompt(words().copyByHand, location.href);
    }
  });
}

/**
 * Dark on light in any theme: not every reader knows the opposite.
 *
 * @param {Element} svg
 * @param {string} text
 */
function drawCode(svg, text) {
  /** @type {{ data: boolean[][], size: number }} */
  const { data, size } = encode(text, { ecc: 'M', border: 3 });
  const path = document.createElementNS(SVG, 'path');
  const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  path.setAttribute('d', dark.join(''));
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.replaceChildren(path);
}

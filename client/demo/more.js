import { byId } from './page.js';

/** On a small screen the buttons that are pressed seldom wait behind one. */
export function bindMore() {
  const [more, extras] = [byId('more'), byId('extras')];
  const open = (/** @type {boolean} */ isOpen) => {
    extras.classList.toggle('open', isOpen);
    more.setAttribute('aria-expanded', String(isOpen));
  };
  more.addEventListener('click', () => open(!extras.classList.contains('open')));
  addEventListener('click', ({ target }) => {
    if (!more.contains(/** @type {Node} */ (target))) open(false);
  });
  addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape' || !extras.classList.contains('open')) return;
    open(false);
    more.focus();
  });
}

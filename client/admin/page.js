/*
 * Ways to the elements of index.html. What the API tells (names of rooms, what members say of themselves, what ails a
 * node) may be anybody's text: it is only ever set as text.
 */

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return /** @type {T} */ (element);
}

/**
 * The part of that name, marked `data-part`.
 *
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} parent
 * @param {string} name
 * @returns {T}
 */
export function part(parent, name) {
  const element = parent.querySelector(`[data-part="${name}"]`);
  if (!element) throw new Error(`nothing is the part ${name}`);
  return /** @type {T} */ (/** @type {unknown} */ (element));
}

/**
 * A copy of the one element in a template.
 *
 * @param {string} id
 */
export function fromTemplate(id) {
  const { content } = /** @type {HTMLTemplateElement} */ (byId(id));
  return /** @type {HTMLElement} */ (/** @type {Element} */ (content.firstElementChild).cloneNode(true));
}

/**
 * What is the same stays untouched: a selection in it, and what is read aloud of it.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

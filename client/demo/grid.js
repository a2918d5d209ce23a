/** @typedef {{ left: number, top: number, width: number, height: number }} Box */

const WIDEST = 16 / 9;
const TALLEST = 4 / 5;

/**
 * Gives the children of an element their places, now and whenever the element or the number of its
 * children changes: the largest equal size that lets all of them show, or one large and the others in a strip.
 *
 * @param {HTMLElement} element
 * @returns {() => void} places them anew
 */
export function keepFitting(element) {
  const fit = () => {
    const gap = parseFloat(getComputedStyle(element).gap);
    const all = /** @type {HTMLElement[]} */ ([...element.children]);
    const large = all.find((child) => child.matches('.pinned'));
    const whole = { left: 0, top: 0, width: element.clientWidth, height: element.clientHeight };
    if (large && all.length > 1) placeAround(large, all.filter((child) => child !== large), whole, gap);
    else placeEqually(all, whole, gap, TALLEST);
  };
  new ResizeObserver(fit).observe(element);
  new MutationObserver(fit).observe(element, { childList: true });
  return fit;
}

/**
 * @param {HTMLElement} large
 * @param {HTMLElement[]} others
 * @param {Box} whole
 * @param {number} gap
 */
function placeAround(large, others, whole, gap) {
  const { width, height } = whole;
  const isWide = width > height;
  const strip = isWide ? between(120, width * 0.2, 260) : between(80, height * 0.22, 200);
  const main = isWide ? { ...whole, width: width - strip - gap } : { ...whole, height: height - strip - gap };
  const rest = isWide ? { ...whole, left: width - strip, width: strip } : { ...whole, top: height - strip, height: strip };
  place(large, main);
  placeEqually(others, rest, gap, WIDEST);
}

/**
 * In rows, of which the last may be shorter, all in the middle.
 *
 * @param {HTMLElement[]} elements
 * @param {Box} box
 * @param {number} gap
 * @param {number} tallest the narrowest shape that is still good
 */
function placeEqually(elements, box, gap, tallest) {
  const { columns, width, height } = largestTile(elements.length, box, gap, tallest);
  const rows = Math.ceil(elements.length / columns);
  const top = box.top + (box.height - rows * height - (rows - 1) * gap) / 2;
  elements.forEach((element, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, elements.length - row * columns);
    const left = box.left + (box.width - inRow * width - (inRow - 1) * gap) / 2;
    place(element, { left: left + (index % columns) * (width + gap), top: top + row * (height + gap), width, height });
  });
}

/**
 * @param {number} count
 * @param {Box} box
 * @param {number} gap
 * @param {number} tallest
 */
function largestTile(count, box, gap, tallest) {
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (box.width - gap * (columns - 1)) / columns;
    const cellHeight = (box.height - gap * (rows - 1)) / rows;
    const width = Math.min(cellWidth, cellHeight * WIDEST);
    const height = Math.min(cellHeight, cellWidth / tallest);
    if (width * height > best.width * best.height) best = { columns, width, height };
  }
  return best;
}

/**
 * @param {HTMLElement} element
 * @param {Box} box
 */
function place({ style }, box) {
  for (const side of /** @type {const} */ (['left', 'top', 'width', 'height'])) style[side] = `${Math.floor(box[side])}px`;
}

/**
 * @param {number} least
 * @param {number} wanted
 * @param {number} most
 */
function between(least, wanted, most) {
  return Math.min(most, Math.max(least, wanted));
}

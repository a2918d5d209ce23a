const WIDEST = 16 / 9;
const TALLEST = 4 / 5;

/**
 * Gives the children of an element the largest equal size that lets all of them show, now and
 * whenever the element or the number of its children changes.
 *
 * @param {HTMLElement} element
 */
export function keepFitting(element) {
  const fit = () => {
    const gap = parseFloat(getComputedStyle(element).gap);
    const { width, height } = largestTile(element.childElementCount, element.clientWidth, element.clientHeight, gap);
    element.style.setProperty('--tile-width', `${Math.floor(width)}px`);
    element.style.setProperty('--tile-height', `${Math.floor(height)}px`);
  };
  new ResizeObserver(fit).observe(element);
  new MutationObserver(fit).observe(element, { childList: true });
}

/**
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 */
function largestTile(count, width, height, gap) {
  let best = { width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const tile = { width: Math.min(cellWidth, cellHeight * WIDEST), height: Math.min(cellHeight, cellWidth / TALLEST) };
    if (tile.width * tile.height > best.width * best.height) best = tile;
  }
  return best;
}

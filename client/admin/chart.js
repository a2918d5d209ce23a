/** How much of the past is drawn: at first little, then more and more. */
const SHORTEST_MS = 60_000;
const LONGEST_MS = 5 * 60_000;
const WIDTH = 240;
const HEIGHT = 48;
/** Room for the line's own width. */
const EDGE = 2;
const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {{ at: number, values: (number | null)[] }} Point */

/** The last minutes of one or more figures, from zero up to the highest. A gap is where nothing was known. */
export class Chart {
  /** @type {Point[]} */
  #points = [];
  #svg;
  #area = shape('area');
  /** @type {SVGPathElement[]} */
  #lines = [];
  #name;
  #format;

  /**
   * @param {SVGSVGElement} svg
   * @param {string} name
   * @param {(value: number | null) => string} format
   */
  constructor(svg, name, format) {
    this.#svg = svg;
    this.#name = name;
    this.#format = format;
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('role', 'img');
    svg.append(this.#area);
  }

  /**
   * @param {number} at Milliseconds.
   * @param {(number | null)[]} values The first is the chart's main one.
   */
  add(at, values) {
    this.#points.push({ at, values });
    this.#points = this.#points.filter((point) => point.at >= at - LONGEST_MS);
    this.#draw(at);
    this.#svg.setAttribute('aria-label', this.#sentence(at));
  }

  /** The highest of the main figure. */
  get highest() {
    const known = this.#points.flatMap(({ values }) => values[0] ?? []);
    return known.length > 0 ? Math.max(...known) : null;
  }

  /** @param {number} now */
  #draw(now) {
    const top = Math.max(...this.#points.flatMap(({ values }) => values.map((value) => value ?? 0))) || 1;
    const count = Math.max(...this.#points.map(({ values }) => values.length));
    while (this.#lines.length < count) this.#lines.push(this.#newLine());
    const scale = { now, spanMs: Math.max(SHORTEST_MS, now - this.#points[0].at), top };
    const strokes = this.#lines.map((_, index) => strokesOf(this.#points, index, scale));
    strokes.forEach((parts, index) => this.#lines[index].setAttribute('d', parts.map(pathOf).join('')));
    this.#area.setAttribute('d', strokes[0].map(areaOf).join(''));
  }

  #newLine() {
    const line = shape(this.#lines.length === 0 ? 'line' : 'line second');
    this.#svg.append(line);
    return line;
  }

  /** @param {number} now */
  #sentence(now) {
    const known = this.#points.flatMap(({ values }) => values[0] ?? []);
    if (known.length === 0) return `${this.#name}: nothing known yet`;
    const minutes = Math.max(1, Math.round((now - this.#points[0].at) / 60_000));
    const told = { now: this.#points.at(-1)?.values[0] ?? null, lowest: Math.min(...known), highest: Math.max(...known) };
    const parts = Object.entries(told).map(([word, value]) => `${word} ${this.#format(value)}`);
    return `${this.#name}, the last ${minutes === 1 ? 'minute' : `${minutes} minutes`}: ${parts.join(', ')}`;
  }
}

/**
 * The unbroken parts of a line, as points of the picture.
 *
 * @param {Point[]} points
 * @param {number} index
 * @param {{ now: number, spanMs: number, top: number }} scale
 */
function strokesOf(points, index, { now, spanMs, top }) {
  /** @type {[number, number][][]} */
  const strokes = [[]];
  for (const { at, values } of points) {
    const value = values[index] ?? null;
    if (value === null) strokes.push([]);
    else strokes[strokes.length - 1].push([WIDTH * (1 - (now - at) / spanMs), HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value / top)]);
  }
  return strokes.filter((stroke) => stroke.length > 0);
}

/** @param {[number, number][]} stroke */
function pathOf(stroke) {
  return `M${stroke.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}${stroke.length === 1 ? 'h0.1' : ''}`;
}

/** @param {[number, number][]} stroke */
function areaOf(stroke) {
  return `${pathOf(stroke)}L${stroke[stroke.length - 1][0].toFixed(1)} ${HEIGHT}L${stroke[0][0].toFixed(1)} ${HEIGHT}Z`;
}

/** @param {string} name */
function shape(name) {
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('class', name);
  return path;
}

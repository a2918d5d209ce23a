import { bytes, counted, rate, span, whole } from './format.js';
import { byId, part, setText } from './page.js';
import { Rows } from './rows.js';

/** @import { Node } from './types.js' */
/** @import { Reading } from './rates.js' */
/** @import { Level } from './verdict.js' */

/** The table of nodes. */
export class Nodes {
  /** @type {Rows<Node>} */
  #rows;
  /** @type {Reading | undefined} */
  #reading;

  /** @param {(node: string) => void} drain */
  constructor(drain) {
    this.#rows = new Rows({
      container: byId('nodes'),
      template: 'node',
      keyOf: ({ node }) => node,
      fill: (row, node) => this.#fill(row, node, drain),
      refuge: byId('nodes-title'),
    });
  }

  /**
   * @param {Node[]} nodes
   * @param {Reading} reading
   */
  show(nodes, reading) {
    this.#reading = reading;
    setText(byId('nodes-count'), `${nodes.length}`);
    this.#rows.show([...nodes].sort((a, b) => (a.node < b.node ? -1 : 1)));
  }

  /**
   * @param {HTMLElement} row
   * @param {Node} node
   * @param {(node: string) => void} drain
   */
  #fill(row, node, drain) {
    const known = node.answers ? node : null;
    const texts = {
      name: node.node,
      self: node.self ? 'serves this page' : '',
      version: known?.version ?? '–',
      up: span(known ? (Date.now() - Date.parse(known.startedAt)) / 1000 : null),
      sockets: whole(known?.sockets),
      members: whole(known?.members),
      signals: rate(this.#reading?.signalsOf.get(node.node)),
      memory: bytes(known?.memoryBytes),
    };
    for (const [name, text] of Object.entries(texts)) setText(part(row, name), text);
    part(row, 'up').title = known ? `since ${known.startedAt}` : '';
    const { level, word } = stateOf(node);
    part(row, 'state').dataset.level = level;
    setText(part(row, 'state'), word);
    const button = /** @type {HTMLButtonElement} */ (part(row, 'drain'));
    button.hidden = !known || known.draining;
    button.setAttribute('aria-label', `Drain ${node.node}`);
    button.onclick = () => drain(node.node);
  }
}

/**
 * @param {Node} node
 * @returns {{ level: Level, word: string }}
 */
function stateOf(node) {
  if (!node.answers) return { level: 'alarm', word: "doesn't answer" };
  if (node.health !== null) return { level: 'alarm', word: 'unwell' };
  if (node.draining) return { level: 'notice', word: `draining, ${counted(node.sockets, 'socket')} left` };
  return { level: 'well', word: 'well' };
}

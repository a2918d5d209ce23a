/** @import { AnsweringNode, Node } from './types.js' */

/**
 * Is it well? `alarm` wants somebody now; `notice` is worth knowing.
 *
 * @typedef {'alarm' | 'notice' | 'well'} Level
 * @typedef {{ level: Level, sentence: string }} Remark
 */

/**
 * What there is to say about the nodes, what matters most first. Never empty.
 *
 * @param {Node[]} nodes
 * @returns {Remark[]}
 */
export function verdict(nodes) {
  const answering = nodes.filter((node) => node.answers);
  const remarks = [...silence(nodes), ...health(answering), ...draining(answering), ...versions(answering)];
  return remarks.length > 0 ? remarks : [{ level: 'well', sentence: allWell(nodes.length) }];
}

/** @param {number} count */
function allWell(count) {
  return count === 1 ? '1 node, well' : `${count} nodes, all well`;
}

/**
 * @param {Node[]} nodes
 * @returns {Remark[]}
 */
function silence(nodes) {
  const silent = nodes.filter(({ answers }) => !answers).length;
  if (silent === 0) return [];
  return [{ level: 'alarm', sentence: `${silent} of ${nodes.length} nodes ${silent === 1 ? "doesn't" : "don't"} answer` }];
}

/**
 * Nodes with the same trouble are named together.
 *
 * @param {AnsweringNode[]} nodes
 * @returns {Remark[]}
 */
function health(nodes) {
  const sentences = new Set(nodes.flatMap(({ health }) => health ?? []));
  return [...sentences].map((sentence) => {
    const told = nodes.filter((node) => node.health === sentence);
    const by = told.length < nodes.length ? ` (${told.map(({ node }) => node).join(', ')})` : '';
    return { level: 'alarm', sentence: `Redis: ${sentence}${by}` };
  });
}

/**
 * @param {AnsweringNode[]} nodes
 * @returns {Remark[]}
 */
function draining(nodes) {
  const names = nodes.filter(({ draining }) => draining).map(({ node }) => node);
  if (names.length === 0) return [];
  return [{ level: 'notice', sentence: names.length === 1 ? `Node ${names[0]} is draining` : `Nodes ${names.join(', ')} are draining` }];
}

/**
 * As in a rolling update, or after one that stopped half-way.
 *
 * @param {AnsweringNode[]} nodes
 * @returns {Remark[]}
 */
function versions(nodes) {
  const found = [...new Set(nodes.map(({ version }) => version))].sort();
  return found.length > 1 ? [{ level: 'notice', sentence: `Nodes have different versions: ${found.join(', ')}` }] : [];
}

/** @import { Peer } from '../switchboard.js' */
/** @import { Level } from './level.js' */
/** @import { Stage } from './stage.js' */
/** @import { Tile } from './tile.js' */

const LOOK_EVERY_MS = 200;
/** A voice; below that are rooms and keyboards. */
const VOICE = 0.02;
/** A pause between two words. */
const PAUSE_MS = 800;

/**
 * Marks who speaks, as long as there is a call.
 *
 * @param {Stage} stage
 * @param {Level} level
 * @returns {() => void} ends it
 */
export function showSpeaking(stage, level) {
  /** @type {WeakMap<Tile, number>} */
  const heardAt = new WeakMap();
  /**
   * @param {Tile} tile
   * @param {number} loudness
   */
  const show = (tile, loudness) => {
    const now = performance.now();
    if (loudness > VOICE) heardAt.set(tile, now);
    tile.setSpeaking(now - (heardAt.get(tile) ?? -PAUSE_MS) < PAUSE_MS);
  };
  const timer = setInterval(() => {
    show(stage.own, level.value);
    for (const [peer, tile] of stage.people) show(tile, loudnessOf(peer));
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

/**
 * What of a peer's camera is heard right now, from 0 to 1.
 *
 * @param {Peer} peer
 */
function loudnessOf({ pc, streams }) {
  const voices = [...streams.values()].filter(({ source }) => source !== 'screen').flatMap(({ stream }) => stream.getAudioTracks());
  const receivers = pc?.getReceivers().filter(({ track }) => voices.includes(track)) ?? [];
  const levels = receivers.flatMap((receiver) => receiver.getSynchronizationSources()).map(({ audioLevel }) => audioLevel ?? 0);
  return Math.max(0, ...levels);
}

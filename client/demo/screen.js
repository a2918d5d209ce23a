import { openScreen } from '../switchboard.js';

/** @import { Publication, Room } from '../switchboard.js' */

/** Sharp letters matter more than smooth movement, and everybody gets a copy. */
const PICTURE = { frameRate: { ideal: 10, max: 15 } };

/** Your own screen, while the others see it. Tells with `change` when that begins and ends. */
export class Screen extends EventTarget {
  /** @type {MediaStream | null} */
  stream = null;
  /** @type {Publication | null} */
  #publication = null;

  get isPossible() {
    return Boolean(navigator.mediaDevices?.getDisplayMedia);
  }

  /**
   * @param {Room} room
   * @returns {Promise<void>} rejects with a `SwitchboardError` that says why it isn't shared
   */
  async share(room) {
    const stream = await openScreen({ video: PICTURE, audio: true });
    if (room.state !== 'joined' && room.state !== 'reconnecting') return stopAll(stream); // left meanwhile
    this.stop();
    for (const track of stream.getVideoTracks()) {
      track.contentHint = 'detail';
      track.addEventListener('ended', () => this.stream === stream && this.stop()); // the browser's own button
    }
    this.stream = stream;
    this.#publication = room.publish(stream, { source: 'screen' });
    this.dispatchEvent(new Event('change'));
  }

  stop() {
    if (!this.stream) return;
    this.#publication?.unpublish();
    stopAll(this.stream);
    this.stream = this.#publication = null;
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {MediaStream} stream */
function stopAll(stream) {
  for (const track of stream.getTracks()) track.stop();
}

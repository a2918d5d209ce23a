import { IncomingFile } from './files.js';
import { OutgoingFile } from './outgoing.js';
import { isCount, OVER, read, Transfer, whenOpen } from './transfer.js';

/** @import { Options } from './outgoing.js' */
/** @import { Peer } from './peer.js' */

const LABEL = 'switchboard.file';
/** So many files of a peer wait for an answer. */
const MOST_OFFERS = 32;
/** So many that we stopped are remembered, until their sender surely knows. */
const MOST_STOPPED = 256;

/** The files on their way in a room. */
export class Transfers {
  #onoffer;
  /** @type {Set<Transfer<void>>} */
  #outgoing = new Set();
  /** @type {Set<Transfer<Blob>>} */
  #incoming = new Set();
  #count = 0;

  /** @param {(file: IncomingFile) => void} onoffer */
  constructor(onoffer) {
    this.#onoffer = onoffer;
  }

  /**
   * @param {Peer} peer
   * @param {Blob} file
   * @param {string} name
   * @param {Options} options
   * @returns {Promise<void>}
   */
  send(peer, file, name, options) {
    const offer = JSON.stringify({ id: ++this.#count, name, size: file.size, type: file.type });
    const transfer = new Transfer(this.#outgoing, peer, offer);
    new OutgoingFile(transfer, file, options);
    peer.opened.then(() => this.#open(transfer, peer), () => transfer.end('channel_closed'));
    return transfer.outcome.promise;
  }

  /**
   * We can talk with somebody, maybe again: what broke off, or can't have reached them, goes on. What they were sent
   * meanwhile is on its way.
   *
   * @param {Peer} peer
   */
  meet(peer) {
    for (const transfer of this.#outgoing) if (transfer.peer !== peer && transfer.isWith(peer)) this.#open(transfer, peer);
  }

  /**
   * Somebody opens a channel, perhaps for a file.
   *
   * @param {Peer} peer
   * @param {RTCDataChannel} channel
   */
  answer(peer, channel) {
    if (channel.label !== LABEL) return;
    const offer = read(channel.protocol);
    const known = [...this.#incoming].find((transfer) => transfer.offer === channel.protocol && transfer.isWith(peer));
    if (known) known.use(peer, channel);
    else if (this.#mayOffer(peer, offer)) this.#introduce(peer, channel, offer);
    else whenOpen(channel, () => channel.send(OVER));
  }

  /**
   * @param {Peer} peer
   * @param {string} reason
   */
  part(peer, reason) {
    for (const transfer of this.#all) {
      if (transfer.peer !== peer) continue;
      if (reason === 'lost' && transfer.isWith(peer)) transfer.lose();
      else transfer.end('peer_gone');
    }
  }

  /** The room is left. */
  end() {
    for (const transfer of this.#all) transfer.end('aborted');
  }

  get #all() {
    return [...this.#outgoing, ...this.#incoming];
  }

  /**
   * @param {Transfer<void>} transfer
   * @param {Peer} peer
   */
  #open(transfer, peer) {
    const isOver = !this.#outgoing.has(transfer);
    if (peer.pc && peer.isOpen && !isOver) transfer.use(peer, peer.pc.createDataChannel(LABEL, { protocol: transfer.offer }));
  }

  /**
   * @param {Peer} peer
   * @param {{ name?: unknown, size?: unknown, type?: unknown }} offer
   */
  #mayOffer(peer, { name, size, type }) {
    const theirs = [...this.#incoming].filter((transfer) => transfer.peer === peer);
    const waiting = theirs.filter((transfer) => !transfer.isAccepted && !transfer.isStopped);
    for (const oldest of theirs.filter((transfer) => transfer.isStopped).slice(0, -MOST_STOPPED)) oldest.close();
    return typeof name === 'string' && isCount(size) && typeof type === 'string' && waiting.length < MOST_OFFERS;
  }

  /**
   * @param {Peer} peer
   * @param {RTCDataChannel} channel
   * @param {any} offer
   */
  #introduce(peer, channel, offer) {
    /** @type {Transfer<Blob>} */
    const transfer = new Transfer(this.#incoming, peer, channel.protocol);
    const file = new IncomingFile(transfer, offer);
    const { onopen } = transfer;
    transfer.onopen = () => {
      transfer.onopen = onopen;
      this.#onoffer(file);
    };
    transfer.use(peer, channel);
  }
}

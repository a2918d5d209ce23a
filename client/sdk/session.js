/**
 * What has to be known of a membership so that nothing is lost, and nothing heard twice, when its
 * connection is replaced by another: numbers of what was sent and heard, and what to say again.
 */
export class Session {
  #room;
  #id;
  /** Not given where the gateway has no sessions to resume.
   * @type {string | undefined} */
  #key;
  #version;
  #attempt = 0;
  #lastNumber = 0;
  /** What the gateway hasn't acknowledged, in order.
   * @type {{ n: number, frame: string }[]} */
  #sent = [];
  /** Who is in the room, as we were told.
   * @type {Set<string>} */
  #peers;
  /** The highest number heard from each peer, and from those who left before the gateway was told of it.
   * @type {Map<string, number>} */
  #heard = new Map();
  /** Who was heard since the gateway was told of it.
   * @type {Set<string>} */
  #untold = new Set();
  #untoldCount = 0;

  /** @param {{ room: string, you: string, version: number, peers: { socketId: string }[], resume?: { key: string } }} peers the answer to `join` */
  constructor({ room, you, version, peers, resume }) {
    this.#room = room;
    this.#id = you;
    this.#key = resume?.key;
    this.#version = version;
    this.#peers = new Set(peers.map(({ socketId }) => socketId));
  }

  get isResumable() {
    return this.#key !== undefined;
  }

  /** The number of the next message to be relayed. */
  get nextNumber() {
    return this.#lastNumber + 1;
  }

  /**
   * The next message is sent, and kept until it is acknowledged.
   *
   * @param {string} frame
   */
  keep(frame) {
    const n = ++this.#lastNumber;
    if (this.isResumable) this.#sent.push({ n, frame });
  }

  /** @param {number} upTo */
  acknowledged(upTo) {
    while (this.#sent.length > 0 && this.#sent[0].n <= upTo) this.#sent.shift();
  }

  /** How much may not have arrived. */
  get unacknowledgedCount() {
    return this.#sent.length;
  }

  /** What may not have arrived, in order. */
  get unacknowledged() {
    return this.#sent.map(({ frame }) => frame);
  }

  /**
   * @param {string} eventName
   * @param {any} data
   * @param {number} [n] given with relayed messages
   * @returns {boolean} false: it was heard before
   */
  hear(eventName, data, n) {
    if (n !== undefined) return this.#hearMessage(data.socketId, n);
    if (NOTICES.has(eventName)) this.#version = data.version;
    if (eventName === 'new_peer') this.#peers.add(data.socketId);
    if (eventName === 'remove_peer') this.#peers.delete(data.socketId);
    return true;
  }

  /** How many messages were heard that the gateway isn't told of. */
  get untoldCount() {
    return this.#untoldCount;
  }

  /**
   * What was heard since this was last asked.
   *
   * @returns {Record<string, number>}
   */
  takeUntold() {
    const received = this.#received(this.#untold);
    this.#untold.clear();
    this.#untoldCount = 0;
    for (const id of this.#heard.keys()) if (!this.#peers.has(id)) this.#heard.delete(id);
    return received;
  }

  /** The gateway may not have been told what was heard. */
  tellAgain() {
    for (const id of this.#heard.keys()) this.#untold.add(id);
    this.#untoldCount = this.#untold.size;
  }

  /** The data of a `resume`: no two are alike, and the last one counts. */
  resume() {
    return {
      room: this.#room,
      socketId: this.#id,
      key: this.#key,
      attempt: ++this.#attempt,
      received: this.#received(this.#peers),
      version: this.#version,
    };
  }

  /** @param {{ resume: { key: string } }} data the answer; its `version` is of notices still to come */
  resumed({ resume: { key } }) {
    this.#key = key;
  }

  /** @param {Iterable<string>} ids */
  #received(ids) {
    return Object.fromEntries([...ids].map((id) => [id, this.#heard.get(id) ?? 0]));
  }

  /**
   * @param {string} from
   * @param {number} n
   */
  #hearMessage(from, n) {
    const isNew = n > (this.#heard.get(from) ?? 0);
    if (isNew) this.#heard.set(from, n);
    this.#untoldCount++;
    this.#untold.add(from); // a repeat as well: it says that the gateway doesn't know
    return isNew;
  }
}

/** What a room's version comes with. */
const NOTICES = new Set(['new_peer', 'remove_peer', 'peer_info', 'peer_away', 'peer_back']);

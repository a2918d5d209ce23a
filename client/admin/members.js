/** @import { Api } from './api.js' */
/** @import { Member, Socket } from './types.js' */

/** So many sockets are asked about at each poll: a room may have hundreds. */
const AT_ONCE = 5;

/** What only the nodes know of a room's members, asked once for each connection. */
export class Connections {
  /** @type {Map<string, { socket: Partial<Socket>, at: number }>} */
  #known = new Map();

  /**
   * @param {Api} api
   * @param {Member[]} members
   */
  async ask(api, members) {
    const keys = new Set(members.map(keyOf));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
    for (const member of members.filter((member) => !this.#known.has(keyOf(member))).slice(0, AT_ONCE)) {
      const socket = await api.socket(member.socketId).catch((error) => {
        // It has just left.
        if (error.status === 404) return {};
        throw error;
      });
      this.#known.set(keyOf(member), { socket, at: performance.now() });
    }
  }

  /**
   * @param {Member} member
   * @returns {{ address?: string, ageSeconds?: number }}
   */
  of(member) {
    const known = this.#known.get(keyOf(member));
    if (known?.socket.ageSeconds === undefined) return {};
    return { address: known.socket.address, ageSeconds: known.socket.ageSeconds + (performance.now() - known.at) / 1000 };
  }
}

/**
 * A member that is back is on another connection.
 *
 * @param {Member} member
 */
function keyOf({ socketId, node, away }) {
  return JSON.stringify([socketId, node, away]);
}

/** @import { Node, Room, RoomPage, Socket } from './types.js' */

const ROOT = '/api/v1';
/** After this a node that was asked doesn't answer. */
const PATIENCE_MS = 10_000;
const NOT_IN_A_HEADER = /[^\x21-\x7e]/;

/** An answer that isn't the wanted one, or none. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 if nothing answered.
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** The token isn't right, or the node takes none. */
  get isRefusal() {
    return this.status === 401 || this.status === 403;
  }
}

/** The admin API of the node that served this page. */
export class Api {
  #token;

  /** @param {string} token */
  constructor(token) {
    this.#token = token;
  }

  /** @returns {Promise<Node[]>} */
  async nodes() {
    return (await this.#ask('GET', 'nodes')).nodes;
  }

  /**
   * @param {string | null} cursor
   * @param {number} limit
   * @returns {Promise<RoomPage>}
   */
  rooms(cursor, limit) {
    return this.#ask('GET', `rooms?${new URLSearchParams({ ...(cursor !== null && { cursor }), limit: `${limit}` })}`);
  }

  /**
   * @param {string} room
   * @returns {Promise<Room>}
   */
  room(room) {
    return this.#ask('GET', `rooms/${encode(room)}`);
  }

  /**
   * @param {string} id
   * @returns {Promise<Socket>}
   */
  socket(id) {
    return this.#ask('GET', `sockets/${encode(id)}`);
  }

  /** @param {string} id */
  kick(id) {
    return this.#ask('DELETE', `sockets/${encode(id)}`);
  }

  /**
   * @param {string} room
   * @returns {Promise<{ removed: number }>}
   */
  close(room) {
    return this.#ask('DELETE', `rooms/${encode(room)}`);
  }

  /** @param {string} node */
  drain(node) {
    return this.#ask('POST', `nodes/${encode(node)}/drain`);
  }

  /**
   * @param {string | null} room Null for all.
   * @param {{ eventName: string, data: unknown }} event
   */
  broadcast(room, event) {
    return this.#ask('POST', room === null ? 'broadcast' : `rooms/${encode(room)}/broadcast`, event);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async #ask(method, path, body) {
    if (NOT_IN_A_HEADER.test(this.#token)) throw new ApiError(401, 'unauthorized', "No token has such characters.");
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
    try {
      const response = await fetch(`${ROOT}/${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: 'no-store',
        credentials: 'omit',
        signal: abort.signal,
      });
      return response.ok ? await response.json() : fail(response.status, await response.json().catch(() => null));
    } catch (error) {
      throw error instanceof ApiError ? error : new ApiError(0, 'unreachable', "This node doesn't answer.");
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * @param {number} status
 * @param {any} answer
 * @returns {never}
 */
function fail(status, answer) {
  const { code = 'failed', message = `The node answered ${status}.` } = answer?.error ?? {};
  throw new ApiError(status, `${code}`, `${message}`);
}

/**
 * A browser takes a part `.` or `..` out of an address, encoded or not, and would ask for something else.
 *
 * @param {string} part
 */
function encode(part) {
  if (part === '.' || part === '..') throw new ApiError(0, 'bad_name', `A browser can't ask for “${part}”; \`curl --path-as-is\` can.`);
  return encodeURIComponent(part);
}

/*
 * An admin listener whose cluster is the test's: it serves the cluster page and answers the admin API as a node would,
 * about nodes and rooms that only the test changes. What it was asked to do it notes, and does.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const CLIENT = new URL('../../client/', import.meta.url);
/** As in src/gateway/assets.rs. */
const CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const MEDIA_TYPES = { html: 'text/html; charset=utf-8', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
export const TOKEN = 'a-token-for-the-tests';

const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** A histogram of the durations, in seconds. */
export function histogram(durations) {
  const buckets = BOUNDS.map((le) => ({ le, count: durations.filter((duration) => duration <= le).length }));
  return { buckets, count: durations.length, sum: durations.reduce((sum, duration) => sum + duration, 0) };
}

/** A node that answers, and counted nothing yet. */
export function node(name, changes = {}) {
  return {
    node: name, self: false, answers: true, version: '0.4.0', startedAt: '2026-03-01T08:00:00Z', draining: false,
    sockets: 0, members: 0, signals: 0, repairs: 0, limits: 0, gaps: 0,
    joinSeconds: histogram([]), redisSeconds: histogram([]), memoryBytes: 32 * 2 ** 20, health: null, ...changes,
  };
}

export function member(socketId, changes = {}) {
  return { socketId, node: 'a', away: false, resumable: true, info: null, ...changes };
}

export class AdminApi {
  #server = createServer((request, response) => this.#serve(request, response));
  #token;
  address = '';
  /** @type {any[]} */
  nodes = [node('a', { self: true })];
  /** Members by room. @type {Map<string, any[]>} */
  rooms = new Map();
  /** What only a socket's node knows, by id. */
  sockets = new Map();
  /** What was to be done, as `METHOD path` and the body. */
  deeds = [];
  /** What was asked for: `METHOD path`. */
  asked = [];
  /** Instead of an answer: a status, code and message. @type {((path: string) => [number, string, string] | undefined)} */
  trouble = () => undefined;
  /** What an answer waits for. @type {(question: string) => Promise<void>} */
  #before = async () => {};
  underWay = 0;
  mostUnderWay = 0;

  /** @param {{ token?: string | null }} [options] */
  static async start({ token = TOKEN } = {}) {
    const api = new AdminApi();
    api.#token = token;
    await api.listen(0);
    return api;
  }

  async listen(port = Number(this.address.split(':')[1])) {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.address = `127.0.0.1:${this.#server.address().port}`;
  }

  async stop() {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Holds answers back until `release()`; `begun` is when the first such question is there. */
  hold(isHeld = (_question) => true) {
    const [begun, begin] = promise();
    const [released, release] = promise();
    this.#before = async (question) => {
      if (!isHeld(question)) return;
      begin();
      await released;
    };
    return { begun, release };
  }

  async #serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://admin');
    if (!pathname.startsWith('/api/')) return serveFile(pathname, response);
    let body = '';
    for await (const chunk of request) body += chunk;
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    await this.#before(`${request.method} ${pathname}`);
    const [status, answer] = this.#answer(request, pathname, searchParams, body);
    this.underWay -= 1;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  #answer({ method, headers }, path, search, body) {
    this.asked.push(`${method} ${path}`);
    if (this.#token === null) return failure(403, 'forbidden', 'The admin API is off: this node has no --admin-token.');
    if (headers.authorization !== `Bearer ${this.#token}`) return failure(401, 'unauthorized', 'Not authorized.');
    const trouble = this.trouble(path);
    if (trouble) return failure(...trouble);
    if (method !== 'GET') this.deeds.push([`${method} ${path}`, ...(body ? [JSON.parse(body)] : [])]);
    const [, , , kind, name, what] = path.split('/').map(decodeURIComponent);
    return this.#about(`${method} ${kind}${name === undefined ? '' : '/*'}${what ? `/${what}` : ''}`, name, search);
  }

  #about(question, name, search) {
    switch (question) {
      case 'GET nodes': return [200, { nodes: this.nodes }];
      case 'POST nodes/*/drain': return this.#drain(name);
      case 'GET rooms': return [200, this.#page(search.get('cursor'), Number(search.get('limit')))];
      case 'GET rooms/*': return this.rooms.has(name) ? [200, { room: name, version: 7, members: this.rooms.get(name) }] : failure(404, 'room_not_found', 'There is no such room.');
      case 'DELETE rooms/*': return this.#close(name);
      case 'GET sockets/*': return this.#memberOf(name) ? [200, { ...this.#memberOf(name), ...this.sockets.get(name) }] : failure(404, 'socket_not_found', 'There is no such socket.');
      case 'DELETE sockets/*': return this.#kick(name);
      case 'POST rooms/*/broadcast': return [202, { rooms: 1 }];
      case 'POST broadcast': return [202, { nodes: this.nodes.length }];
      default: return failure(404, 'not_found', 'There is nothing here.');
    }
  }

  /** An empty page stands before the last, as Redis may answer. */
  #page(cursor, limit) {
    const all = [...this.rooms].map(([room, members]) => ({ room, members: members.length }));
    const [from, isEmpty] = (cursor ?? '0').split('-');
    const end = Number(from) + limit;
    const more = end < all.length ? `${end}${end + limit < all.length ? '' : '-empty'}` : null;
    if (isEmpty) return { rooms: [], cursor: from, count: all.length };
    return { rooms: all.slice(Number(from), end), cursor: more, count: all.length };
  }

  #drain(name) {
    const drained = this.nodes.find(({ node }) => node === name);
    drained.draining = true;
    return [202, drained];
  }

  #close(room) {
    const removed = this.rooms.get(room)?.length ?? 0;
    this.rooms.delete(room);
    return [200, { removed }];
  }

  #memberOf(socketId) {
    return [...this.rooms.values()].flat().find((member) => member.socketId === socketId);
  }

  #kick(socketId) {
    for (const [room, members] of this.rooms) this.rooms.set(room, members.filter((member) => member.socketId !== socketId));
    return [200, { removed: 1 }];
  }
}

/** A promise, and what resolves it. */
function promise() {
  let resolve;
  return [new Promise((settle) => (resolve = settle)), resolve];
}

function failure(status, code, message) {
  return [status, { error: { code, message } }];
}

async function serveFile(path, response) {
  const name = path === '/' ? 'index.html' : path.slice(1);
  const file = await readFile(new URL(name === 'favicon.svg' ? 'demo/favicon.svg' : `admin/${name}`, CLIENT)).catch(() => null);
  if (!file) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': MEDIA_TYPES[name.split('.').at(-1)], 'content-security-policy': CONTENT_SECURITY_POLICY }).end(file);
}

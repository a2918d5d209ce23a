// A signaling server as one writes it with `ws` and node-redis: a channel for each socket, a set for each room.
//
//   node ws-redis.mjs --listen 127.0.0.1:8080 --redis redis://127.0.0.1:6379
//
//   client → server   {"type":"join","room":"kitchen"}
//   server → client   {"type":"joined","you":"ID","peers":["ID",…]}, and to the others {"type":"came","peer":"ID"}
//   client → server   {"type":"offer","to":"ID","body":…}      offer, answer or candidate
//   server → client   {"type":"offer","from":"ID","body":…}
//   at the close of a socket, to the others in its room: {"type":"went","peer":"ID"}
//
// As fast as it goes without another design: `ws` masks and copies in C++ (bufferutil), nothing is compressed, what comes
// from Redis goes out as the bytes that came, node-redis sends the commands of one turn together, and what is for a socket
// of the same node doesn't pass through Redis.
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { createClient } from 'redis';
import { WebSocketServer } from 'ws';
import { flags, introduce } from './command.mjs';

const { host, port, redis: url } = flags({ redis: { type: 'string', default: 'redis://127.0.0.1:6379' } });
const redis = createClient({ url });
const subscriber = redis.duplicate();
for (const client of [redis, subscriber]) client.on('error', (error) => console.error(`Redis: ${error.message}`));
await Promise.all([redis.connect(), subscriber.connect()]);

/** The sockets of this node. */
const sockets = new Map();

const server = http.createServer();
new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false }).on('connection', welcome);
server.listen({ host, port, backlog: 4096 });
introduce(server);

function welcome(socket) {
  const me = { id: randomUUID(), socket, joining: undefined };
  socket.on('message', (data) => {
    try {
      handle(me, JSON.parse(data));
    } catch {
      socket.close(1007);
    }
  });
  socket.on('close', () => leave(me).catch(blame(me)));
  socket.on('error', () => socket.terminate());
}

function handle(me, { type, room, to, body }) {
  switch (type) {
    case 'join':
      me.joining ??= join(me, room);
      me.joining.catch(blame(me));
      break;
    case 'offer':
    case 'answer':
    case 'candidate':
      send(to, JSON.stringify({ type, from: me.id, body }));
      break;
  }
}

function send(to, frame) {
  const socket = sockets.get(to);
  if (socket) socket.send(frame);
  else redis.publish(channel(to), frame).catch(() => {});
}

async function join(me, room) {
  sockets.set(me.id, me.socket);
  // First the channel, so that nothing is missed that the others send as soon as they know. It may come before the answer to
  // this join, which is on another connection; the client is told in order.
  let early = [];
  const hear = (frame) => (early ? early.push(frame) : me.socket.send(frame, { binary: false }));
  await subscriber.subscribe(channel(me.id), hear, true);
  const [members] = await redis.multi().sMembers(roomKey(room)).sAdd(roomKey(room), me.id).exec();
  me.socket.send(JSON.stringify({ type: 'joined', you: me.id, peers: members }));
  for (const frame of early) me.socket.send(frame, { binary: false });
  early = undefined;
  for (const member of members) send(member, JSON.stringify({ type: 'came', peer: me.id }));
  return room;
}

async function leave(me) {
  const room = await me.joining;
  if (room === undefined) return;
  sockets.delete(me.id);
  await subscriber.unsubscribe(channel(me.id));
  const [, members] = await redis.multi().sRem(roomKey(room), me.id).sMembers(roomKey(room)).exec();
  for (const member of members) send(member, JSON.stringify({ type: 'went', peer: me.id }));
}

function blame(me) {
  return (error) => {
    console.error(error);
    me.socket.close(1011);
  };
}

function channel(id) {
  return `socket:${id}`;
}

function roomKey(room) {
  return `room:${room}`;
}

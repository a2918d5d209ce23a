// A signaling server as one writes it with Socket.IO: its rooms, its acknowledgements, its adapters for several nodes.
//
//   node socketio.mjs --listen 127.0.0.1:8080 [--adapter none|redis|sharded] [--redis redis://127.0.0.1:6379]
//
//   client → server   join (room), acknowledged with the ids of the others; offer, answer or candidate (id, body)
//   server → client   came (id), went (id); offer, answer or candidate (id, body)
//
// After its page on performance: the WebSocket transport only, `bufferutil` installed, nothing compressed, and the first
// HTTP request not kept. Its page offers other WebSocket servers, too; this is the one that it comes with.
import http from 'node:http';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { flags, introduce } from './command.mjs';

const { host, port, adapter, redis: url } = flags({
  adapter: { type: 'string', default: 'none' },
  redis: { type: 'string', default: 'redis://127.0.0.1:6379' },
});
const adapters = {
  none: undefined,
  redis: createAdapter,
  // A channel for each socket: the mode for messages to one socket, of which signaling is made.
  sharded: (...clients) => createShardedAdapter(...clients, { subscriptionMode: 'dynamic-private' }),
};
if (!(adapter in adapters)) throw new Error(`--adapter is none, redis or sharded, not "${adapter}".`);

const server = http.createServer();
const io = new Server(server, {
  transports: ['websocket'],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});
if (adapters[adapter]) {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on('error', (error) => console.error(`Redis: ${error.message}`));
  await Promise.all([publisher.connect(), subscriber.connect()]);
  io.adapter(adapters[adapter](publisher, subscriber));
}
io.engine.on('connection', (socket) => (socket.request = null));

io.on('connection', (socket) => {
  socket.on('join', async (room, answer) => {
    socket.join(room);
    socket.to(room).emit('came', socket.id);
    const members = await io.in(room).fetchSockets();
    answer(members.map(({ id }) => id).filter((id) => id !== socket.id));
  });
  for (const kind of ['offer', 'answer', 'candidate']) {
    socket.on(kind, (to, body) => io.to(to).emit(kind, socket.id, body));
  }
  socket.on('disconnecting', () => {
    for (const room of socket.rooms) if (room !== socket.id) socket.to(room).emit('went', socket.id);
  });
});

server.listen({ host, port, backlog: 4096 });
introduce(server);

// SkyRTC 0.0.2, unchanged, as its README starts it. One node: it has no way to share rooms.
//
//   node skyrtc.mjs --listen 127.0.0.1:8080
//
// It takes any `ws` (">= 0.0.0"), so npm gives it the present one, and it runs on it as it is.
import http from 'node:http';
import skyrtc from 'skyrtc';
import { flags, introduce } from './command.mjs';

const { host, port } = flags();
const server = http.createServer();
const sockets = skyrtc.listen(server);

// It doesn't listen to errors of its sockets, and such an error ends Node: a peer that is just gone would end all.
sockets.on('connection', (socket) => socket.on('error', () => socket.terminate()));
sockets.rtc.on('error', () => {});

server.listen({ host, port, backlog: 4096 });
introduce(server);

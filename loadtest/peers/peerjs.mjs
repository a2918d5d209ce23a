// PeerServer, which PeerJS' clients use, as its README starts it. One node, and no rooms: clients choose their ids.
//
//   node peerjs.mjs --listen 127.0.0.1:9000
import { PeerServer } from 'peer';
import { flags, introduce } from './command.mjs';

const { host, port } = flags();
// Its own limit is 5000 clients.
const peers = PeerServer({ host, port, path: '/', concurrent_limit: 20_000 }, introduce);
peers.on('error', (error) => console.error(`PeerServer: ${error.message}`));

/**
 * Switchboard in the browser: join a room, see and hear the others, send them messages.
 *
 *     import { Room, openCamera } from '/switchboard.js';
 *
 *     const room = new Room({ room: 'kitchen', info: { name: 'Ada' } });
 *     room.on('stream', (peer, stream) => show(peer, stream));
 *     room.publish(await openCamera());
 *     await room.join();
 */
export { SwitchboardError } from './sdk/errors.js';
export { openCamera, openScreen } from './sdk/media.js';
export { Peer } from './sdk/peer.js';
export { Publication } from './sdk/publication.js';
export { Room } from './sdk/room.js';

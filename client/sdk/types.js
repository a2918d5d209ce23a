/** @import { SwitchboardError } from './errors.js' */
/** @import { Peer } from './peer.js' */

/** @typedef {'idle' | 'joining' | 'joined' | 'left' | 'failed'} RoomState */

/**
 * @typedef {object} RoomOptions
 * @property {string} room the room's name
 * @property {string} [url] the gateway's WebSocket; `/ws` of the page's own host if not given
 * @property {any} [info] what the others see of you, sent as JSON: a name, for instance
 * @property {RTCIceServer[]} [iceServers] in place of those the gateway names
 * @property {Omit<RTCConfiguration, 'iceServers'>} [rtcConfig]
 * @property {typeof globalThis.WebSocket} [WebSocket] in place of the browser's
 * @property {typeof globalThis.RTCPeerConnection} [RTCPeerConnection] in place of the browser's
 */

/**
 * @typedef {object} RoomEvents
 * @property {(now: RoomState, was: RoomState, error?: SwitchboardError) => void} state
 * @property {(peer: Peer) => void} peerjoin somebody is in the room; at first, once for everybody who was there
 * @property {(peer: Peer, reason: 'left' | 'lost' | (string & {})) => void} peerleave
 * @property {(peer: Peer, state: RTCPeerConnectionState) => void} peerstate
 * @property {(peer: Peer) => void} peerinfo the peer's `info` changed
 * @property {(peer: Peer, stream: MediaStream, source: 'camera' | 'screen' | (string & {})) => void} stream
 * @property {(peer: Peer, stream: MediaStream) => void} streamend
 * @property {(peer: Peer, data: Json | ArrayBuffer, channel: string) => void} message
 * @property {(error: SwitchboardError) => void} error logged to the console when nobody listens
 */

/**
 * What arrives of what was sent as JSON.
 *
 * @typedef {null | boolean | number | string | Json[] | { [key: string]: Json }} Json
 */

/** @typedef {'audio' | 'video'} Kind */

/**
 * What went wrong, in one word. Gateway and SDK use the same words.
 *
 * @typedef {'unauthorized' | 'forbidden' | 'bad_room' | 'room_full' | 'already_joined' | 'not_joined'
 *   | 'bad_message' | 'unknown_event' | 'too_large' | 'rate_limited' | 'session_expired'
 *   | 'join_timeout' | 'kicked' | 'room_closed' | 'restart' | 'overloaded' | 'internal' | 'unavailable'
 *   | 'ping_timeout' | 'slow_consumer' | 'timeout' | 'aborted'
 *   | 'peer_gone' | 'peer_failed' | 'channel_closed'
 *   | 'media_denied' | 'media_not_found' | 'media_in_use' | 'media_overconstrained'
 *   | 'insecure_context' | 'unsupported'} ErrorCode
 */

export {};

/** @import { SwitchboardError } from './errors.js' */
/** @import { Peer } from './peer.js' */

/**
 * `reconnecting`: the way to the gateway broke, and everything else goes on.
 *
 * @typedef {'idle' | 'joining' | 'joined' | 'reconnecting' | 'left' | 'failed'} RoomState
 */

/**
 * @typedef {object} ReconnectOptions the wait before an attempt is random, up to a cap that doubles with each
 * @property {number} [minMs] the cap at first; 300 if not given
 * @property {number} [maxMs] the highest cap; 10,000 if not given
 * @property {number} [giveUpAfterMs] the room has failed when it took longer; never if not given
 */

/**
 * What goes with a state: an `error` with `failed`, all of it with `reconnecting`.
 *
 * @typedef {{ error: SwitchboardError, attempt?: number, retryInMs?: number }} StateDetails
 */

/**
 * A token, or what gives one: it is asked before each connection, and some seconds before the last one expires.
 *
 * @typedef {string | (() => string | Promise<string>)} TokenSource
 */

/**
 * @typedef {object} RoomOptions
 * @property {string} room the room's name
 * @property {string | readonly string[]} [url] the gateway's WebSocket; `/ws` of the page's own host if not given. Of
 *   several, each connection goes to the next
 * @property {false | ReconnectOptions} [reconnect] false: a connection that breaks ends the membership
 * @property {TokenSource} [token] what says that you may join, where the gateway asks for it
 * @property {any} [info] what the others see of you, sent as JSON: a name, for instance
 * @property {RTCIceServer[]} [iceServers] in place of those the gateway names
 * @property {Omit<RTCConfiguration, 'iceServers'>} [rtcConfig]
 * @property {typeof globalThis.WebSocket} [WebSocket] in place of the browser's
 * @property {typeof globalThis.RTCPeerConnection} [RTCPeerConnection] in place of the browser's
 */

/**
 * @typedef {object} RoomEvents
 * @property {(now: RoomState, was: RoomState, details?: StateDetails) => void} state also before each attempt to reconnect
 * @property {(peer: Peer) => void} peerjoin somebody is in the room; at first, once for everybody who was there
 * @property {(peer: Peer, reason: 'left' | 'lost' | 'kicked' | 'closed' | (string & {})) => void} peerleave
 * @property {(peer: Peer) => void} peeraway the peer's way to its gateway broke; the connection between you goes on
 * @property {(peer: Peer) => void} peerback
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
 *   | 'join_timeout' | 'replaced' | 'kicked' | 'room_closed' | 'restart' | 'overloaded' | 'internal' | 'unavailable'
 *   | 'ping_timeout' | 'slow_consumer' | 'timeout' | 'aborted'
 *   | 'peer_gone' | 'peer_failed' | 'channel_closed'
 *   | 'media_denied' | 'media_not_found' | 'media_in_use' | 'media_overconstrained'
 *   | 'insecure_context' | 'unsupported'} ErrorCode
 */

export {};

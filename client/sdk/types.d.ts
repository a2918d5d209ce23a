import { IncomingFile } from './files.js';
import { Peer } from './peer.js';
import { SwitchboardError } from './errors.js';

/** `reconnecting`: the way to the gateway broke, and everything else goes on. `failed`: you are out, and may join again. */
export type RoomState = 'idle' | 'joining' | 'joined' | 'reconnecting' | 'left' | 'failed';

/** The wait before an attempt is random, up to a cap that doubles with each. */
export interface ReconnectOptions {
  /** The cap at first; 300 if not given. */
  minMs?: number;
  /** The highest cap; 10,000 if not given. */
  maxMs?: number;
  /** The room has failed when it took longer; never if not given. */
  giveUpAfterMs?: number;
}

/** What goes with the states `failed` and `reconnecting`. */
export interface StateDetails {
  /** Why. */
  error: SwitchboardError;
  /** With `reconnecting`: which attempt is next. */
  attempt?: number;
  /** With `reconnecting`: how long until then. */
  retryInMs?: number;
}

/** A token, or what gives one: it is asked before each connection, and some seconds before the last one expires. */
export type TokenSource = string | (() => string | Promise<string>);

/** What a room is made with. */
export interface RoomOptions {
  /** The room's name. */
  room: string;
  /** The gateway's WebSocket; `/ws` of the page's own host if not given. Of several, each connection goes to the next. */
  url?: string | readonly string[];
  /** False: a connection that breaks ends the membership. */
  reconnect?: false | ReconnectOptions;
  /** What says that you may join, where the gateway asks for it. */
  token?: TokenSource;
  /** What the others see of you, sent as JSON: a name, for instance. */
  info?: any;
  /** In place of those the gateway names. */
  iceServers?: RTCIceServer[];
  /** Whatever else connections are to be made with. */
  rtcConfig?: Omit<RTCConfiguration, 'iceServers'>;
  /**
   * For how many milliseconds a call goes on with somebody whom the gateway has lost: as long as the connection lasts, if not
   * given; 0: not at all.
   */
  lingerMs?: number;
  /** In place of the browser's. Node has one from version 22 on; before, that of the package `ws` does. */
  WebSocket?: new (url: string, protocol: string) => any;
  /** In place of the browser's. Without one, as in Node, messages go through the gateway; `null` says so in a page. */
  RTCPeerConnection?: typeof globalThis.RTCPeerConnection | null;
}

export interface RoomEvents {
  /** The room's state changed, or it is about to try again to reconnect. */
  state: (now: RoomState, was: RoomState, details?: StateDetails) => void;
  /** Somebody is in the room; at first, once for everybody who was there. */
  peerjoin: (peer: Peer) => void;
  /** Somebody is no longer there, or you are not. */
  peerleave: (peer: Peer, reason: 'left' | 'lost' | 'kicked' | 'closed' | (string & {})) => void;
  /** The peer's way to its gateway broke; the connection between you goes on. */
  peeraway: (peer: Peer) => void;
  /** Its way to a gateway is there again. */
  peerback: (peer: Peer) => void;
  /** The connection to a peer changed. */
  peerstate: (peer: Peer, state: RTCPeerConnectionState) => void;
  /** The peer's `info` changed. */
  peerinfo: (peer: Peer) => void;
  /** Somebody publishes a stream. */
  stream: (peer: Peer, stream: MediaStream, source: 'camera' | 'screen' | (string & {})) => void;
  /** A stream is over, or whose it was is gone. */
  streamend: (peer: Peer, stream: MediaStream) => void;
  /** Somebody sent you something. */
  message: (peer: Peer, data: Json | ArrayBuffer, channel: string) => void;
  /** Somebody wants to send you a file; refused when nobody listens. */
  file: (file: IncomingFile) => void;
  /** Something failed that nobody waits for; goes to the console when nobody listens. */
  error: (error: SwitchboardError) => void;
}

/** What arrives of what was sent as JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Of a track. */
export type Kind = 'audio' | 'video';

/** How well the connection to a peer does. Rates and losses are those since the last time that it was asked. */
export interface PeerStats {
  /** How the way leads, told by the nearer end: on the own network, through a NAT, or by a TURN server at either end. */
  route?: 'host' | 'srflx' | 'prflx' | 'relay';
  /** There and back, in milliseconds. */
  rttMs?: number;
  /** All that came from the peer, in kilobits a second. */
  kbpsIn: number;
  kbpsOut: number;
  /** The share of the peer's media packets that did not arrive, from 0 to 1. */
  packetLoss?: number;
  /** The largest picture that comes from the peer. */
  video?: { width: number; height: number; fps: number };
}

/** What went wrong, in one word. Gateway and SDK use the same words. */
export type ErrorCode =
  | 'unauthorized' | 'forbidden' | 'bad_room' | 'room_full' | 'already_joined' | 'not_joined'
  | 'bad_message' | 'unknown_event' | 'too_large' | 'rate_limited' | 'session_expired'
  | 'join_timeout' | 'replaced' | 'kicked' | 'room_closed' | 'restart' | 'overloaded' | 'internal' | 'unavailable'
  | 'ping_timeout' | 'slow_consumer' | 'timeout' | 'aborted'
  | 'peer_gone' | 'peer_failed' | 'channel_closed' | 'file_refused'
  | 'media_denied' | 'media_not_found' | 'media_in_use' | 'media_overconstrained'
  | 'insecure_context' | 'unsupported';

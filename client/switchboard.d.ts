// Made from sdk/*.js by `npm run types`.

/** A room: who is there, what they send, and what you send them. */
export declare class Room {
    #private;
    /**
     * Does nothing yet: safe on a server.
     *
     * @param {RoomOptions} options
     */
    constructor(options: RoomOptions);
    get state(): RoomState;
    /** Your id in this room, while you are in it: a new one each time that you join, and where the gateway had to let you in
     * anew when the connection came back. */
    get id(): string | null;
    /** The others, by id.
     * @returns {ReadonlyMap<string, Peer>} */
    get peers(): ReadonlyMap<string, Peer>;
    /**
     * @template {keyof RoomEvents} E
     * @param {E} event
     * @param {RoomEvents[E]} listener
     * @param {{ once?: boolean, signal?: AbortSignal }} [options]
     * @returns {() => void} stops listening
     */
    on<E extends keyof RoomEvents>(event: E, listener: RoomEvents[E], options?: {
        once?: boolean;
        signal?: AbortSignal;
    }): () => void;
    /**
     * Joins; after a `leave()` or a failure, joins again.
     *
     * @param {{ signal?: AbortSignal }} [options]
     * @returns {Promise<void>} resolves once everybody who was there was told of with `peerjoin`; rejects with
     *   a `SwitchboardError`: `unauthorized`, `forbidden`, `room_full`, `bad_room`, `unavailable`, `unsupported`, `timeout`, `aborted`, or
     *   what the gateway closed the connection with
     */
    join({ signal }?: {
        signal?: AbortSignal;
    }): Promise<void>;
    /**
     * Leaves. Safe to call twice.
     *
     * @returns {Promise<void>} resolves once the gateway knows, or its connection is gone
     */
    leave(): Promise<void>;
    /**
     * Shows a stream to everybody in the room, now and later, until it is unpublished.
     *
     * @param {MediaStream} stream
     * @param {{ source?: 'camera' | 'screen' | (string & {}) }} [options]
     * @returns {Publication}
     */
    publish(stream: MediaStream, { source }?: {
        source?: 'camera' | 'screen' | (string & {});
    }): Publication;
    /**
     * Sends to everybody, or to those named, peer to peer. In order for each peer and channel.
     *
     * Up to 1 MiB waits for a peer that isn't connected yet. What is beyond that, and what a connection
     * that fails hadn't sent, is lost to this peer: a message to those named rejects, one to everybody doesn't.
     *
     * @param {unknown} data bytes, which arrive as an ArrayBuffer, or what `JSON.stringify` takes
     * @param {{ to?: string | readonly string[], channel?: string }} [options]
     * @returns {Promise<void>} resolves when the browser has it, which takes no more while much waits there;
     *   a message to everybody waits only for those who are connected. Rejects with a `SwitchboardError`:
     *   `peer_gone`, `channel_closed` or `overloaded` for those named; `bad_message`, `too_large`, `not_joined`
     */
    send(data: unknown, { to, channel }?: {
        to?: string | readonly string[];
        channel?: string;
    }): Promise<void>;
    /**
     * Changes what the others see of you.
     *
     * @param {any} info what can be sent as JSON
     */
    setInfo(info: any): void;
}

/** Somebody else in the room, and the connection to them. */
export declare class Peer {
    private constructor();
    #private;
    /** @readonly @type {string} */
    readonly id: string;
    /** The connection itself, for what the SDK has no words for.
     * @readonly @type {RTCPeerConnection} */
    readonly pc: RTCPeerConnection;
    /** What this peer tells about itself: anything, as anybody may be in the room.
     * @returns {any} */
    get info(): any;
    /** Its way to its gateway broke: it may come back, and hears then what it is sent now. What you have of it goes on. */
    get away(): boolean;
    get state(): RTCPeerConnectionState;
    /** What this peer sends, by stream id.
     * @returns {ReadonlyMap<string, { stream: MediaStream, source: string }>} */
    get streams(): ReadonlyMap<string, {
        stream: MediaStream;
        source: string;
    }>;
    /** Looks for a new way through the network. */
    restartIce(): void;
}

/** A stream that everybody in the room gets, whoever comes later included. */
export declare class Publication {
    private constructor();
    #private;
    /** What the stream shows: 'camera', 'screen', or a word of your own.
     * @readonly @type {string} */
    readonly source: string;
    /**
     * Sends another track from now on, or none.
     *
     * @param {Kind} kind
     * @param {MediaStreamTrack | null} track
     * @returns {Promise<void>}
     */
    replaceTrack(kind: Kind, track: MediaStreamTrack | null): Promise<void>;
    /** Takes the stream away from everybody. Its tracks go on, and stay yours to stop. */
    unpublish(): void;
}

/** A file that somebody in the room wants to send. */
export declare class IncomingFile {
    private constructor();
}

/**
 * Asks for camera and microphone.
 *
 * @param {MediaStreamConstraints} [constraints]
 * @returns {Promise<MediaStream>} rejects with a `SwitchboardError` that says why there is none
 */
export declare function openCamera(constraints?: MediaStreamConstraints): Promise<MediaStream>;

/** Every error of the SDK. */
export declare class SwitchboardError extends Error {
    /** @readonly @type {ErrorCode} */
    readonly code: ErrorCode;
    /** The same call may succeed later, with nothing changed.
     * @readonly @type {boolean} */
    readonly retryable: boolean;
    /** The room is no longer joined, nor will it be by itself.
     * @readonly @type {boolean} */
    readonly fatal: boolean;
    /** When it may succeed, in milliseconds, where the gateway said so.
     * @readonly @type {number | undefined} */
    readonly retryAfterMs: number | undefined;
    /** What the WebSocket closed with, where that was the cause.
     * @readonly @type {number | undefined} */
    readonly closeCode: number | undefined;
    /** The peer it is about, if it is about one.
     * @readonly @type {string | undefined} */
    readonly peerId: string | undefined;
    /**
     * @param {ErrorCode} code
     * @param {string} message
     * @param {{ retryable?: boolean, fatal?: boolean, retryAfterMs?: number, closeCode?: number, peerId?: string, cause?: unknown }} [details]
     */
    constructor(code: ErrorCode, message: string, { retryable, fatal, retryAfterMs, closeCode, peerId, cause }?: {
        retryable?: boolean;
        fatal?: boolean;
        retryAfterMs?: number;
        closeCode?: number;
        peerId?: string;
        cause?: unknown;
    });
}


/** `reconnecting`: the way to the gateway broke, and everything else goes on. */
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

/** What goes with a state: an `error` with `failed`, all of it with `reconnecting`. */
export interface StateDetails {
  error: SwitchboardError;
  attempt?: number;
  retryInMs?: number;
}

/** A token, or what gives one: it is asked before each connection, and some seconds before the last one expires. */
export type TokenSource = string | (() => string | Promise<string>);

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
  rtcConfig?: Omit<RTCConfiguration, 'iceServers'>;
  /** In place of the browser's. */
  WebSocket?: typeof globalThis.WebSocket;
  /** In place of the browser's. */
  RTCPeerConnection?: typeof globalThis.RTCPeerConnection;
}

export interface RoomEvents {
  /** Also before each attempt to reconnect. */
  state: (now: RoomState, was: RoomState, details?: StateDetails) => void;
  /** Somebody is in the room; at first, once for everybody who was there. */
  peerjoin: (peer: Peer) => void;
  peerleave: (peer: Peer, reason: 'left' | 'lost' | 'kicked' | 'closed' | (string & {})) => void;
  /** The peer's way to its gateway broke; the connection between you goes on. */
  peeraway: (peer: Peer) => void;
  peerback: (peer: Peer) => void;
  peerstate: (peer: Peer, state: RTCPeerConnectionState) => void;
  /** The peer's `info` changed. */
  peerinfo: (peer: Peer) => void;
  stream: (peer: Peer, stream: MediaStream, source: 'camera' | 'screen' | (string & {})) => void;
  streamend: (peer: Peer, stream: MediaStream) => void;
  message: (peer: Peer, data: Json | ArrayBuffer, channel: string) => void;
  /** Somebody wants to send you a file; refused when nobody listens. */
  file: (file: IncomingFile) => void;
  /** Logged to the console when nobody listens. */
  error: (error: SwitchboardError) => void;
}

/** What arrives of what was sent as JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

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

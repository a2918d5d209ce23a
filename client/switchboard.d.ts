// Made from sdk/*.js by `npm run types`.

/// <reference lib="dom" />

/** A room: who is there, what they send, and what you send them. */
export declare class Room {
    #private;
    /**
     * Does nothing yet: safe on a server.
     *
     * @param {RoomOptions} options
     */
    constructor(options: RoomOptions);
    /** Whether you are in it. The event `state` tells each change. */
    get state(): RoomState;
    /** Your id, while you are in the room: a new one each time that you join, and where the gateway had to let you in anew when the
     * connection came back. */
    get id(): string | null;
    /** The others, by id, in the order that they came.
     * @returns {ReadonlyMap<string, Peer>} */
    get peers(): ReadonlyMap<string, Peer>;
    /**
     * Listens to an event.
     *
     * @template {keyof RoomEvents} E
     * @param {E} event
     * @param {RoomEvents[E]} listener what it throws is an uncaught error of the page, and harms nobody else
     * @param {{ once?: boolean, signal?: AbortSignal }} [options] `once`: only to the next; `signal` ends it
     * @returns {() => void} a function that stops listening
     */
    on<E extends keyof RoomEvents>(event: E, listener: RoomEvents[E], options?: {
        once?: boolean;
        signal?: AbortSignal;
    }): () => void;
    /**
     * Joins; after a `leave()` or a failure, joins again, as somebody new.
     *
     * @param {{ signal?: AbortSignal }} [options] `signal` gives up joining
     * @returns {Promise<void>} resolves once everybody who was there was told of with `peerjoin`; rejects with
     *   a `SwitchboardError`: `unauthorized`, `forbidden`, `room_full`, `bad_room`, `unavailable`, `unsupported`, `timeout`, `aborted`, or
     *   what the gateway closed the connection with
     */
    join({ signal }?: {
        signal?: AbortSignal;
    }): Promise<void>;
    /**
     * Leaves, or gives up joining. Safe to call twice.
     *
     * @returns {Promise<void>} resolves once the gateway knows, or its connection is gone
     */
    leave(): Promise<void>;
    /**
     * Shows a stream to everybody in the room, now and later, until it is unpublished.
     *
     * @param {MediaStream} stream
     * @param {{ source?: 'camera' | 'screen' | (string & {}) }} [options] `source`: a word for the others; `camera`, if not given
     * @returns {Publication}
     */
    publish(stream: MediaStream, { source }?: {
        source?: 'camera' | 'screen' | (string & {});
    }): Publication;
    /**
     * Sends to everybody, or to those named, peer to peer, and through the gateway where one of the two has no WebRTC, as in Node:
     * there it takes JSON only, up to 64 KiB. What you send to a peer arrives in order.
     *
     * Up to 1 MiB waits for a peer that isn't connected yet. What is beyond that, and what still waits when no way to this peer
     * was found, is lost to it: a message to those named rejects, one to everybody doesn't.
     *
     * @param {unknown} data bytes, which arrive as an ArrayBuffer, or what `JSON.stringify` takes
     * @param {{ to?: string | readonly string[], channel?: string }} [options] `to`: an id, or some; `channel`: a word that arrives
     *   with it, '' if not given
     * @returns {Promise<void>} resolves when the browser has it, which takes no more while much waits there;
     *   a message to everybody waits only for those who are connected. Rejects with a `SwitchboardError`:
     *   `peer_gone`, `channel_closed` or `overloaded` for those named; `bad_message`, `too_large`, `not_joined`
     */
    send(data: unknown, { to, channel }?: {
        to?: string | readonly string[];
        channel?: string;
    }): Promise<void>;
    /**
     * Offers a file to a peer, and sends it when they accept it. It goes on when the connection breaks and either of you comes
     * back within a minute, as somebody new, too.
     *
     * @param {Blob} file
     * @param {{ to: string, name?: string, onProgress?: (bytes: number) => void, signal?: AbortSignal }} options
     *   `to`: an id; `name`: that of the file, if not given; `onProgress` is told how much of it the peer has; `signal` ends it
     * @returns {Promise<void>} resolves when the peer has all of it; rejects with a `SwitchboardError`: `file_refused`,
     *   `peer_gone`, `channel_closed` where the peer has no SDK, `aborted` by the signal or by leaving, `not_joined`, `unsupported` in Node
     */
    sendFile(file: Blob, { to, name, ...options }: {
        to: string;
        name?: string;
        onProgress?: (bytes: number) => void;
        signal?: AbortSignal;
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
    /** The connection itself, for what the SDK has no words for. There is none where one of you has no WebRTC: what you send goes
     * through the gateway then.
     * @readonly @type {RTCPeerConnection | undefined} */
    readonly pc: RTCPeerConnection | undefined;
    /** What this peer tells about itself: anything, as anybody may be in the room.
     * @returns {any} */
    get info(): any;
    /** Its way to its gateway broke: it may come back, and hears then what it is sent now. What you have of it goes on. */
    get away(): boolean;
    /** Always `connected` where there is no connection to make.
     * @returns {RTCPeerConnectionState} */
    get state(): RTCPeerConnectionState;
    /** What this peer sends, by stream id.
     * @returns {ReadonlyMap<string, { stream: MediaStream, source: string }>} */
    get streams(): ReadonlyMap<string, {
        stream: MediaStream;
        source: string;
    }>;
    /** How well the connection does.
     * @returns {Promise<PeerStats>} */
    getStats(): Promise<PeerStats>;
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
export type { IncomingFile };
declare class IncomingFile {
    private constructor();
    #private;
    /** A name, not a path. What it says is up to the sender, as is `type`.
     * @readonly @type {string} */
    readonly name: string;
    /** In bytes.
     * @readonly @type {number} */
    readonly size: number;
    /** The media type, or ''.
     * @readonly @type {string} */
    readonly type: string;
    /** Who sends it. Whoever comes back as somebody new is another peer.
     * @returns {Peer} */
    get from(): Peer;
    /** Resolves when it is over, however it ended: then there is nothing to accept.
     * @returns {Promise<void>} */
    get ended(): Promise<void>;
    /**
     * Says yes.
     *
     * @param {{ onProgress?: (bytes: number) => void, signal?: AbortSignal }} [options]
     * @returns {Promise<Blob>} the whole file; rejects with a `SwitchboardError`: `file_refused` when the sender took it
     *   back, `peer_gone` when they left, or were away for a minute, `aborted`
     */
    accept({ onProgress, signal }?: {
        onProgress?: (bytes: number) => void;
        signal?: AbortSignal;
    }): Promise<Blob>;
    /** Says no, or no longer. */
    refuse(): void;
}

/**
 * Asks for camera and microphone.
 *
 * @param {MediaStreamConstraints} [constraints]
 * @returns {Promise<MediaStream>} rejects with a `SwitchboardError` that says why there is none
 */
export declare function openCamera(constraints?: MediaStreamConstraints): Promise<MediaStream>;
/**
 * Asks for a screen, a window or a tab to show. Browsers want a click for it.
 *
 * @param {DisplayMediaStreamOptions} [options]
 * @returns {Promise<MediaStream>} rejects with a `SwitchboardError` that says why there is none
 */
export declare function openScreen(options?: DisplayMediaStreamOptions): Promise<MediaStream>;

/** Every error of the SDK. */
export declare class SwitchboardError extends Error {
    /** What happened, in one word.
     * @readonly @type {ErrorCode} */
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
     * @param {string} [message] what the code doesn't say; without one, the code in words
     * @param {{ retryable?: boolean, fatal?: boolean, retryAfterMs?: number, closeCode?: number, peerId?: string, cause?: unknown }} [details]
     */
    constructor(code: ErrorCode, message?: string, details?: {
        retryable?: boolean;
        fatal?: boolean;
        retryAfterMs?: number;
        closeCode?: number;
        peerId?: string;
        cause?: unknown;
    });
}


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

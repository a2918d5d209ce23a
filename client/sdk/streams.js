/** What a peer sends: its streams, from their first track to their last. */
export class Streams {
  /** @type {Map<string, { stream: MediaStream, source: string }>} */
  current = new Map();
  /** What the peer calls them.
   * @type {Map<string, unknown>} */
  #sources = new Map();
  #handlers;

  /**
   * @param {{ onstream: (stream: MediaStream, source: string) => void, onend: (stream: MediaStream) => void }} handlers
   */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** @param {Record<string, unknown>} sources by stream id */
  learnSources(sources) {
    this.#sources = new Map(Object.entries(sources));
  }

  endAll() {
    for (const { stream } of [...this.current.values()]) this.#end(stream);
  }

  /** @param {RTCTrackEvent} event */
  receive({ track, streams: [stream = new MediaStream([track])] }) {
    const endIfOver = () => stream.getTracks().every(({ readyState }) => readyState === 'ended') && this.#end(stream);
    track.addEventListener('ended', endIfOver); // all that Firefox tells of a transceiver that the other side stopped
    if (this.current.has(stream.id)) return;
    const told = this.#sources.get(stream.id);
    const source = typeof told === 'string' ? told : 'camera';
    this.current.set(stream.id, { stream, source });
    stream.addEventListener('removetrack', endIfOver);
    this.#handlers.onstream(stream, source);
  }

  /** @param {MediaStream} stream */
  #end(stream) {
    if (this.current.delete(stream.id)) this.#handlers.onend(stream);
  }
}

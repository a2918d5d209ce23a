/** A file that somebody in the room wants to send. */
export class IncomingFile {}

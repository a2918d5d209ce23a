import { Devices } from './devices.js';
import { Level } from './level.js';
import { Speaker } from './speaker.js';

/** What you speak into, what films you, and what you hear by. */
export class Hardware {
  /** @readonly */
  devices = new Devices();
  /** @readonly */
  speaker = new Speaker();
  /** @readonly */
  level = new Level(this.devices);
}

import { Room } from '../switchboard.js';
import { Announcer } from './announcer.js';
import { Chat } from './chat.js';
import { Comings } from './comings.js';
import { ConnectionLine } from './connection-line.js';
import { bindDeviceButtons } from './devices.js';
import { joinFailure, lostFailure, mediaFailure } from './failures.js';
import { Files } from './files.js';
import { bindInvitation } from './invitation.js';
import { bindMore } from './more.js';
import { toldName } from './names.js';
import { Notice } from './notice.js';
import { byId } from './page.js';
import { nameOf } from './people.js';
import { Screen } from './screen.js';
import { bindSettings } from './settings.js';
import { bindShortcuts } from './shortcuts.js';
import { showSpeaking } from './speaking.js';
import { Stage } from './stage.js';
import { Statistics } from './statistics.js';
import { Toast } from './toast.js';
import { write } from './words.js';

/** @import { Peer, Publication, RoomState, StateDetails, SwitchboardError } from '../switchboard.js' */
/** @import { Replacement } from './devices.js' */
/** @import { Action, Failure } from './failures.js' */
/** @import { Hardware } from './hardware.js' */
/** @import { Tell } from './words.js' */

/** Somebody who is back sooner was never away. */
const CALM_MS = 1000;
/** Twice what the page lets anybody write: nobody is to fill it for all. */
const MOST_CHARACTERS = 4000;

/** In the room: what happens there, and who on the page is told of it. */
export class Call {
  #element = byId('call');
  #notice = new Notice('call-notice');
  #toast = new Toast();
  #connection = new ConnectionLine();
  #announcer = new Announcer();
  #chat = new Chat((text) => this.#say(text));
  #files = new Files(this.#chat, (files) => this.#sendFiles(files));
  #comings = new Comings((tell) => this.#tell(tell));
  #stage = new Stage();
  #statistics = new Statistics(this.#stage);
  #screen = new Screen();
  /** @type {Room | null} */
  #room = null;
  /** @type {Publication | null} */
  #publication = null;
  #name = '';
  #hardware;
  #onleft;
  #stopShowingSpeech = () => {};

  /**
   * @param {Hardware} hardware
   * @param {() => void} onleft
   */
  constructor(hardware, onleft) {
    this.#hardware = hardware;
    this.#onleft = onleft;
    const onerror = (/** @type {SwitchboardError} */ error) => this.#showMediaFailure(error);
    bindDeviceButtons(byId('tools'), hardware.devices, onerror);
    bindSettings(hardware, onerror);
    bindInvitation();
    bindMore();
    bindShortcuts(this.#element);
    this.#listenToHardware();
    this.#bindScreen();
    byId('toggle-statistics').addEventListener('click', () => this.#toggleStatistics());
    byId('leave').addEventListener('click', () => this.leave());
  }

  /**
   * @param {string} name
   * @param {string} roomName
   * @returns {Promise<void>} rejects with a `SwitchboardError`, `aborted` after a `leave()`
   */
  async join(name, roomName) {
    this.#name = toldName(name);
    const room = new Room({ room: roomName, info: this.#info() });
    this.#listen(room);
    this.#clear();
    this.#room = room;
    this.#publication = room.publish(this.#ownStream());
    await room.join();
    this.#show(roomName);
  }

  /** Leaves, or gives up joining. */
  leave() {
    this.#screen.stop();
    this.#room?.leave();
    this.#room = null;
    this.#publication = null;
    this.#connection.hide();
    this.#stopShowingSpeech();
    this.#hideStatistics();
    for (const dialog of document.querySelectorAll('dialog')) dialog.close();
    if (this.#element.hidden) return;
    this.#element.hidden = true;
    this.#onleft();
  }

  /** Without a connection to the server, too: the call goes on. */
  get #isIn() {
    return this.#room?.state === 'joined' || this.#room?.state === 'reconnecting';
  }

  /** @param {Room} room */
  #listen(room) {
    room.on('state', (now, was, details) => this.#showState(now, was, details));
    room.on('peerjoin', (peer) => this.#addPeer(peer));
    room.on('peerleave', (peer, reason) => this.#removePeer(peer, reason));
    room.on('peerinfo', (peer) => this.#stage.show(peer));
    room.on('peeraway', (peer) => setTimeout(() => this.#stage.show(peer), CALM_MS));
    room.on('peerback', (peer) => this.#stage.show(peer));
    room.on('peerstate', (peer) => this.#stage.show(peer));
    room.on('stream', (peer, stream, source) => this.#showStream(peer, stream, source));
    room.on('streamend', (peer, stream) => this.#hideStream(peer, stream));
    room.on('message', (peer, data, channel) => {
      if (channel !== 'chat' || typeof data !== 'string') return;
      this.#chat.say(nameOf(peer), data.length > MOST_CHARACTERS ? `${data.slice(0, MOST_CHARACTERS)} …` : data);
      this.#announce((t) => t.messageFrom(nameOf(peer)));
    });
    room.on('file', (file) => {
      this.#files.receive(file);
      this.#announce((t) => t.offersFile(nameOf(file.from), file.name));
    });
    room.on('error', (error) => console.warn(error.message)); // the tiles and the notice say it to people
  }

  #listenToHardware() {
    const { devices, speaker } = this.#hardware;
    devices.addEventListener('change', () => this.#showDevices());
    devices.addEventListener('replaced', (event) => {
      const { device, gone, now } = /** @type {CustomEvent<Replacement>} */ (event).detail;
      if (now !== null) this.#toast.show((t) => t.deviceGone(gone, now));
      else this.#toast.show((t) => (device === 'camera' ? t.cameraGone : t.microphoneGone));
    });
    speaker.addEventListener('gone', () => this.#toast.show((t) => t.speakerGone));
  }

  #bindScreen() {
    const button = byId('share-screen');
    button.hidden = !this.#screen.isPossible;
    button.addEventListener('click', () => this.#toggleScreen());
    /** @type {MediaStream | null} */
    let shown = null;
    this.#screen.addEventListener('change', () => {
      const { stream } = this.#screen;
      if (shown) this.#stage.removeScreen(shown);
      if (stream) this.#stage.addScreen(stream, (t) => t.yourScreen, { isOwn: true });
      shown = stream;
      button.setAttribute('aria-pressed', String(stream !== null));
      write(button, (t) => (stream ? t.stopSharing : t.shareScreen), 'data-tip');
      this.#toast.show((t) => (stream ? t.youShareScreen : t.screenEnded));
    });
  }

  async #toggleScreen() {
    if (this.#screen.stream) return this.#screen.stop();
    if (!this.#room) return;
    try {
      await this.#screen.share(this.#room);
    } catch (error) {
      const { code, cause } = /** @type {SwitchboardError} */ (error);
      const wasOnlyCancelled = code === 'media_denied' && !/system/i.test(String(cause));
      if (!wasOnlyCancelled) this.#toast.show((t) => (code === 'media_denied' ? t.screenDenied : t.screenOther));
    }
  }

  /**
   * @param {RoomState} now
   * @param {RoomState} was
   * @param {StateDetails} [details]
   */
  #showState(now, was, details) {
    this.#showCount();
    if (now === 'reconnecting' && details) return this.#connection.lost(this.#trouble, details);
    if (now === 'joined') {
      queueMicrotask(() => this.#comings.settle()); // those who are there are told of before that
      return this.#connection.found();
    }
    this.#connection.hide();
    if (now !== 'failed' || was === 'joining' || !details) return;
    this.#screen.stop();
    this.#showFailure(lostFailure(details.error));
  }

  /** @returns {Tell} */
  get #trouble() {
    return this.#stage.people.size > 0 ? (t) => t.callGoesOn : (t) => t.serverGone;
  }

  #clear() {
    this.#stage.clear(this.#name);
    this.#chat.clear();
    this.#files.clear();
    this.#comings.clear();
    this.#notice.hide();
    this.#toast.hide();
    this.#showDevices();
    this.#showCount();
  }

  /** @param {string} roomName */
  #show(roomName) {
    const heading = byId('room-name');
    heading.textContent = roomName;
    document.title = `${roomName} · Switchboard`;
    this.#element.hidden = false;
    this.#stage.own.play();
    this.#stopShowingSpeech = showSpeaking(this.#stage, this.#hardware.level);
    heading.focus();
  }

  /** @param {Peer} peer */
  #addPeer(peer) {
    this.#stage.add(peer);
    this.#showCount();
    if (!this.#element.hidden) this.#comings.came(nameOf(peer));
  }

  /**
   * @param {Peer} peer
   * @param {string} reason
   */
  #removePeer(peer, reason) {
    this.#stage.remove(peer);
    this.#showCount();
    const isOurLoss = this.#room?.state === 'failed' || (this.#room?.state === 'reconnecting' && reason === 'lost');
    if (isOurLoss) this.#comings.lostSightOf(nameOf(peer));
    else if (this.#isIn) this.#comings.went(nameOf(peer), reason);
  }

  /**
   * @param {Peer} peer
   * @param {MediaStream} stream
   * @param {string} source
   */
  #showStream(peer, stream, source) {
    if (source === 'screen') {
      this.#stage.addScreen(stream, (t) => t.screenOf(nameOf(peer)));
      this.#tell((t) => t.sharesScreen(nameOf(peer)));
    }
    this.#stage.show(peer);
    this.#hardware.speaker.apply();
  }

  /**
   * @param {Peer} peer
   * @param {MediaStream} stream
   */
  #hideStream(peer, stream) {
    this.#stage.removeScreen(stream);
    this.#stage.show(peer);
  }

  #showCount() {
    const count = 1 + this.#stage.people.size;
    const isIn = this.#isIn;
    write(byId('count'), (t) => (isIn ? t.people(count) : t.notConnected));
    byId('alone').hidden = this.#room?.state !== 'joined' || count > 1;
  }

  #showDevices() {
    const { microphone, camera } = this.#hardware.devices;
    this.#stage.showOwn(this.#hardware.devices);
    this.#publication?.replaceTrack('audio', microphone);
    this.#publication?.replaceTrack('video', camera);
    this.#room?.setInfo(this.#info());
  }

  #toggleStatistics() {
    this.#statistics.toggle();
    byId('toggle-statistics').setAttribute('aria-pressed', String(this.#statistics.isShown));
  }

  #hideStatistics() {
    if (this.#statistics.isShown) this.#toggleStatistics();
  }

  /** What the others are told: a silent microphone and a missing picture look alike from afar. */
  #info() {
    const { devices } = this.#hardware;
    return { name: this.#name, microphone: devices.isOn('microphone'), camera: devices.isOn('camera') };
  }

  #ownStream() {
    const { microphone, camera } = this.#hardware.devices;
    return new MediaStream([microphone, camera].filter((track) => track !== null));
  }

  /**
   * In the chat, and aloud where nobody sees the chat.
   *
   * @param {Tell} tell
   */
  #tell(tell) {
    this.#chat.tell(tell);
    this.#announce(tell);
  }

  /** @param {Tell} tell */
  #announce(tell) {
    if (!this.#chat.isOpen) this.#announcer.say(tell);
  }

  /** @param {string} text */
  async #say(text) {
    this.#chat.say(this.#name, text, { own: true });
    try {
      await this.#room?.send(text, { channel: 'chat' });
    } catch {
      this.#chat.tell((t) => t.notSent);
    }
  }

  /** @param {Iterable<File>} files */
  #sendFiles(files) {
    if (!this.#room || this.#room.peers.size === 0) return this.#toast.show((t) => t.nobodyToShareWith);
    this.#files.send(this.#room, this.#name, files);
  }

  async #rejoin() {
    const room = this.#room;
    this.#notice.hide();
    try {
      await room?.join();
      byId('room-name').focus();
    } catch (error) {
      if (this.#room !== room) return; // left meanwhile
      this.#showFailure(joinFailure(/** @type {SwitchboardError} */ (error)));
      this.#notice.focus();
    }
  }

  /** @param {SwitchboardError} error */
  #showMediaFailure(error) {
    this.#showFailure(mediaFailure(error));
  }

  /** @param {Failure} failure */
  #showFailure(failure) {
    this.#notice.show(failure, () => this.#act(failure.action));
  }

  /** @param {Action} action */
  async #act(action) {
    if (action === 'join') return this.#rejoin();
    if (action === 'rename') return this.leave();
    this.#notice.hide();
    if (action === 'open-devices') this.#hardware.devices.open().catch((error) => this.#showMediaFailure(error));
  }
}

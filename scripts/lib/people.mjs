// People to film who never leave: drawn on a canvas in place of a camera.

/** Who is in the picture, from left to right and from top to bottom. */
export const PEOPLE = [
  { name: 'Ann Moreau', wall: '#dfe7ee', thing: 'plant', skin: '#f0c8a8', hair: '#5b3a26', style: 'long', shirt: '#3d6f8f' },
  { name: 'Ben Okri', wall: '#f2e3cf', thing: 'lamp', skin: '#7a4a2e', hair: '#1d1512', style: 'short', shirt: '#d98e3f', glasses: true, isQuiet: true },
  { name: 'Mei Lin', wall: '#e6ddef', thing: 'shelf', skin: '#f2d3b5', hair: '#17161c', style: 'bob', shirt: '#b5556d', speaks: true },
  { name: 'Jonas Weber', wall: '#d5e5dc', thing: 'frame', skin: '#eebf9f', hair: '#b98a4e', style: 'short', shirt: '#47624f', beard: true, isQuiet: true },
  { name: 'Priya Nair', wall: '#f4d9d0', thing: 'plant', skin: '#b97c52', hair: '#20130f', style: 'bun', shirt: '#5561b8', isQuiet: true },
  { name: 'Tom Reyes', wall: '#d9dce3', thing: 'window', skin: '#cf9a70', hair: '#3a3a3f', style: 'curls', shirt: '#a5483d', glasses: true, isQuiet: true },
];

/**
 * Runs in a page before its own scripts: its camera shows that person, and its microphone, unless it is off, hums if the person speaks.
 *
 * @param {typeof PEOPLE[number]} person
 */
export function film(person) {
  const { wall, thing, skin, hair, style, shirt, glasses, beard, speaks, isQuiet } = person;
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
  const pen = canvas.getContext('2d');

  const shape = (color, draw) => {
    pen.fillStyle = color;
    pen.beginPath();
    draw();
    pen.fill();
  };
  const oval = (color, x, y, width, height) => shape(color, () => pen.ellipse(x, y, width, height, 0, 0, 7));
  const box = (color, x, y, width, height, round = 0) => shape(color, () => pen.roundRect(x, y, width, height, round));
  const line = (color, width, draw) => {
    Object.assign(pen, { strokeStyle: color, lineWidth: width, lineCap: 'round' });
    pen.beginPath();
    draw();
    pen.stroke();
  };

  const things = {
    window() {
      box('#ffffff', 40, 50, 170, 220, 8);
      box('#a9d3ee', 52, 62, 68, 196, 4);
      box('#a9d3ee', 130, 62, 68, 196, 4);
      oval('#e9f4fb', 150, 110, 34, 14);
    },
    plant() {
      for (const [x, lean] of [[505, -40], [530, -10], [555, 25], [575, 50]]) {
        shape('#5f8f62', () => pen.ellipse(x + lean / 2, 235, 18, 90, lean / 110, 0, 7));
      }
      box('#c06a45', 500, 310, 85, 90, 10);
    },
    shelf() {
      for (const [y, books] of [[110, ['#c46a58', '#e0b15c', '#6d8fb0', '#83a27c', '#94729e']], [250, ['#6d8fb0', '#e7d9c0', '#c46a58', '#4f6f86']]]) {
        books.forEach((color, index) => box(color, 450 + index * 30, y - 70 - (index % 3) * 8, 24, 70 + (index % 3) * 8, 3));
        box('#9a7b5c', 430, y, 190, 10, 3);
      }
    },
    frame() {
      box('#ffffff', 60, 60, 150, 190, 6);
      box('#f0d9b8', 74, 74, 122, 162, 3);
      shape('#7fa58a', () => pen.ellipse(135, 236, 60, 70, 0, Math.PI, 0));
      oval('#e58f5b', 160, 120, 18, 18);
    },
    lamp() {
      line('#7b5b4a', 8, () => { pen.moveTo(540, 700); pen.lineTo(540, 180); });
      shape('#fff3d9', () => { pen.moveTo(490, 190); pen.lineTo(590, 190); pen.lineTo(565, 95); pen.lineTo(515, 95); });
    },
  };

  const hairBehind = {
    long: () => box(hair, 222, 120, 196, 260, 90),
    bob: () => box(hair, 220, 112, 200, 215, 95),
    bun: () => oval(hair, 320, 92, 44, 40),
  };
  const hairBefore = {
    long: () => shape(hair, () => { pen.ellipse(320, 190, 93, 84, 0, Math.PI, 0); pen.quadraticCurveTo(360, 150, 290, 150); pen.quadraticCurveTo(240, 150, 227, 190); }),
    bob: () => shape(hair, () => { pen.ellipse(320, 195, 92, 92, 0, Math.PI, 0); pen.quadraticCurveTo(320, 150, 228, 195); }),
    bun: () => shape(hair, () => { pen.ellipse(320, 188, 90, 84, 0, Math.PI, 0); pen.quadraticCurveTo(320, 128, 230, 188); }),
    short: () => shape(hair, () => { pen.ellipse(320, 185, 90, 86, 0, Math.PI, 0); pen.quadraticCurveTo(390, 140, 320, 146); pen.quadraticCurveTo(250, 140, 230, 185); }),
    curls: () => { for (let i = 0; i <= 8; i++) oval(hair, 320 - 92 * Math.cos(i * Math.PI / 8), 190 - 84 * Math.sin(i * Math.PI / 8), 32, 32); },
  };

  /** Beside the head, where a narrow tile doesn't cut it off. */
  const drawThing = () => {
    const isLeft = thing === 'window' || thing === 'frame';
    pen.save();
    pen.translate(isLeft ? 88 : 100, 40);
    pen.scale(0.72, 0.72);
    things[thing]();
    pen.restore();
  };

  const draw = (seconds) => {
    const sway = Math.sin(seconds * 1.1 + shirt.charCodeAt(1)) * 5;
    const isBlinking = (seconds + shirt.charCodeAt(2)) % 4 < 0.4;
    box(wall, 0, 0, 640, 480);
    drawThing();
    pen.save();
    pen.translate(sway, Math.abs(sway) * 0.4);
    hairBehind[style]?.();
    shape(shirt, () => { pen.ellipse(320, 500, 190, 130, 0, Math.PI, 0); });
    box(skin, 288, 300, 64, 90, 30);
    oval(skin, 320, 220, 86, 110);
    if (beard) shape(hair, () => { pen.ellipse(320, 245, 84, 86, 0, 0, Math.PI); pen.quadraticCurveTo(320, 285, 404, 245); });
    hairBefore[style]();
    for (const x of [287, 353]) {
      if (isBlinking) line('#2a2024', 4, () => { pen.moveTo(x - 9, 218); pen.lineTo(x + 9, 218); });
      else oval('#2a2024', x, 218, 8, 9);
    }
    if (glasses) {
      for (const x of [286, 354]) line('#2b2b33', 5, () => pen.ellipse(x, 218, 27, 25, 0, 0, 7));
      line('#2b2b33', 5, () => { pen.moveTo(313, 214); pen.lineTo(327, 214); });
    }
    const open = speaks ? 6 + 8 * Math.abs(Math.sin(seconds * 7)) : 0;
    if (open) oval('#7d2f38', 320, 272, 20, open);
    else line('#7d3a38', 5, () => pen.ellipse(320, 258, 28, 18, 0, 0.35, Math.PI - 0.35));
    pen.restore();
  };
  setInterval(() => draw(performance.now() / 1000), 400);
  draw(0);

  navigator.mediaDevices.getUserMedia = async () => new MediaStream([...canvas.captureStream().getVideoTracks(), ...(isQuiet ? [] : hum())]);

  function hum() {
    const sound = new AudioContext();
    const voice = new OscillatorNode(sound, { frequency: 180 });
    const microphone = new MediaStreamAudioDestinationNode(sound);
    voice.connect(new GainNode(sound, { gain: speaks ? 0.5 : 0 })).connect(microphone);
    voice.start();
    return microphone.stream.getAudioTracks();
  }
}

/** A drawing to send as a file: where everybody sits. @returns {string} a PNG in base64 */
export function sketch() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 320 });
  const pen = canvas.getContext('2d');
  pen.fillStyle = '#fdfaf3';
  pen.fillRect(0, 0, 640, 320);
  const places = [[130, 90], [320, 60], [510, 90], [130, 230], [320, 260], [510, 230]];
  Object.assign(pen, { lineWidth: 3, strokeStyle: '#b9bde8' });
  for (const [x, y] of places) for (const [toX, toY] of places) {
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(toX, toY);
    pen.stroke();
  }
  places.forEach(([x, y], index) => {
    pen.fillStyle = ['#4453d6', '#d98e3f', '#b5556d', '#47624f', '#5561b8', '#a5483d'][index];
    pen.beginPath();
    pen.arc(x, y, 26, 0, 7);
    pen.fill();
  });
  return canvas.toDataURL().split(',')[1];
}

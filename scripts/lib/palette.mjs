// Makes a small PNG of a large one: 256 colors, the most frequent ones as they are. What compressed video has of noise goes.
import { deflateSync } from 'node:zlib';

/** Colors that differ by less are taken for one. */
const LIKENESS = 4;
const MOST = 256;

/**
 * @param {import('playwright-core').Page} page a browser to decode it, on any page
 * @param {Buffer} png
 * @returns {Promise<Buffer>}
 */
export async function withPalette(page, png) {
  const { width, height, pixels } = await page.evaluate(decode, png.toString('base64'));
  const rgb = Buffer.from(pixels, 'base64');
  const { palette, indices } = reduce(rgb);
  const rows = Buffer.alloc((width + 1) * height); // each begins with its filter: none
  for (let y = 0; y < height; y++) rows.set(indices.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8); // eight bits, of a palette
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('PLTE', palette), chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND')]);
}

/** @param {string} base64 */
async function decode(base64) {
  const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]));
  const { width, height } = bitmap;
  const pen = new OffscreenCanvas(width, height).getContext('2d');
  pen.drawImage(bitmap, 0, 0);
  const rgb = pen.getImageData(0, 0, width, height).data.filter((_, index) => index % 4 < 3);
  let pixels = '';
  for (let start = 0; start < rgb.length; start += 30_000) pixels += btoa(String.fromCharCode(...rgb.subarray(start, start + 30_000)));
  return { width, height, pixels };
}

/** @param {Buffer} rgb */
function reduce(rgb) {
  const counts = new Map();
  for (let i = 0; i < rgb.length; i += 3) {
    const color = rgb.readUIntBE(i, 3);
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  const chosen = [];
  const entries = new Map(); // where each color is in the palette
  for (const [color] of [...counts].sort(([, a], [, b]) => b - a)) {
    const { index, distance } = nearest(chosen, color);
    if (distance < LIKENESS || chosen.length === MOST) entries.set(color, index);
    else entries.set(color, chosen.push(color) - 1);
  }
  const palette = Buffer.alloc(chosen.length * 3);
  chosen.forEach((color, index) => palette.writeUIntBE(color, index * 3, 3));
  const indices = Buffer.alloc(rgb.length / 3);
  for (let i = 0; i < indices.length; i++) indices[i] = entries.get(rgb.readUIntBE(i * 3, 3));
  return { palette, indices };
}

/**
 * @param {number[]} colors
 * @param {number} color
 */
function nearest(colors, color) {
  let best = { index: -1, distance: Infinity };
  colors.forEach((other, index) => {
    const distance = Math.max(...[16, 8, 0].map((shift) => Math.abs(((other >> shift) & 255) - ((color >> shift) & 255))));
    if (distance < best.distance) best = { index, distance };
  });
  return best;
}

/**
 * @param {string} type
 * @param {Buffer} [data]
 */
function chunk(type, data = Buffer.alloc(0)) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** @param {Buffer} bytes */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

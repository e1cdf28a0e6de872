// Pictures: those that come with a model, and the reader's own.

import { Problem } from './engine/problem.js';

const MOST_PIXELS = 40e6; // decoded, these are 160 MB; a phone has no more for a page
const MOST_BYTES = 60e6;

const SCALES = [[0, 1], [-1, 1], [0, 255], [0, 65535]];

/** Black and white of pixels in a range: of a usual scale, if that is where they are. */
export function scaleOf([low, high]) {
  const isOn = ([black, white]) => {
    const near = 0.01 * (white - black);
    return low >= black - near && high <= white + near && Math.max(-low, high) >= 0.25 * white
      && (black === 0 || low <= black + near);
  };
  return SCALES.find(isOn) ?? [low, high > low ? high : low + 1];
}

/** A canvas with a picture of numbers (C, H, W) on a scale. */
export function canvasOf(values, [channels, height, width], [black, white]) {
  const image = new ImageData(width, height);
  const size = height * width;
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < 3; k++) {
      const value = values[(channels < 3 ? 0 : k) * size + i];
      image.data[4 * i + k] = (255 * (value - black)) / (white - black);
    }
    image.data[4 * i + 3] = 255;
  }
  return canvasWith(image);
}

/** A canvas with a picture of bytes (H, W) or (H, W, 3). */
export function canvasOfBytes(bytes, [height, width, channels = 1]) {
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = bytes[i * channels + (channels < 3 ? 0 : k)];
    image.data[4 * i + 3] = 255;
  }
  return canvasWith(image);
}

function canvasWith(image) {
  const canvas = document.createElement('canvas');
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

/** The numbers (C, H, W) of a file, its middle cut out and resized to what the model takes, and
 *  a canvas with that. */
export async function ofFile(file, [channels, height, width], [black, white]) {
  if (file.size > MOST_BYTES) {
    throw new Problem(
      `“${file.name}” has ${Math.round(file.size / 1e6)} megabytes: save it smaller, with ${MOST_BYTES / 1e6} at most.`,
    );
  }
  const image = await decoded(file);
  const pixels = image.naturalWidth * image.naturalHeight;
  if (!pixels) throw unreadable(file);
  if (pixels > MOST_PIXELS) {
    throw new Problem(
      `“${file.name}” has ${Math.round(pixels / 1e6)} megapixels: save it smaller, with ${MOST_PIXELS / 1e6} at most.`,
    );
  }
  const scale = Math.min(image.naturalWidth / width, image.naturalHeight / height);
  const [w, h] = [width * scale, height * scale];
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const g = canvas.getContext('2d', { willReadFrequently: true });
  g.imageSmoothingQuality = 'high';
  g.fillStyle = '#fff'; // behind what is transparent
  g.fillRect(0, 0, width, height);
  const [x, y] = [(image.naturalWidth - w) / 2, (image.naturalHeight - h) / 2];
  g.drawImage(image, x, y, w, h, 0, 0, width, height);
  URL.revokeObjectURL(image.src);
  const { data } = g.getImageData(0, 0, width, height);
  const size = height * width;
  const values = new Float32Array(channels * size);
  for (let i = 0; i < size; i++) {
    const rgb = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
    const grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    for (let k = 0; k < channels; k++) {
      const byte = k === 3 ? 255 : channels < 3 ? grey : rgb[k];
      values[k * size + i] = black + ((white - black) * byte) / 255;
    }
  }
  return { input: values, canvas: canvasOf(values, [channels, height, width], [black, white]) };
}

/** The file as an image whose size is known, and which is not decoded yet. */
function decoded(file) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => {
      URL.revokeObjectURL(image.src);
      reject(unreadable(file));
    };
    image.src = URL.createObjectURL(file);
  });
}

const unreadable = (file) => new Problem(
  `“${file.name}” is no picture that this browser can read: choose a JPEG, PNG or WebP file.`,
);

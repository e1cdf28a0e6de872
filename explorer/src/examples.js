// The pictures that come with a model; condcap_sk.explorer.write_examples writes them.

import { Problem } from './engine/problem.js';
import { fetchFile } from './fetch.js';
import { canvasOf, canvasOfBytes, scaleOf } from './pictures.js';

const FORMAT = 'condcap_sk.examples.1';
const MOST = 400;
const LARGEST = 2 ** 30;
const MISSING = 'write it with condcap_sk.explorer.write_examples(folder, X), or set "examples": false in models.json';
const damaged = () => new Problem('The model’s examples.json is damaged: write it again with condcap_sk.explorer.write_examples.');

/** What is in the files; nothing is known of the model yet. */
export async function fetchExamples(base) {
  let index;
  try {
    index = JSON.parse(new TextDecoder().decode(await fetchFile(`${base}examples.json`, 2 ** 24, MISSING)));
  } catch (error) {
    throw error instanceof Problem ? error : damaged();
  }
  const isSize = (size) => Number.isInteger(size) && size >= 1;
  const isRight = index?.format === FORMAT && isSize(index.n) && index.n <= MOST
    && Array.isArray(index.shape) && index.shape.length <= 3 && index.shape.every(isSize)
    && ['uint8', 'float32'].includes(index.dtype) && isFile(index.file);
  if (!isRight) throw damaged();
  const size = index.shape.reduce((a, b) => a * b, 1);
  const [bytes, canvases] = await Promise.all([
    ofSize(base + index.file, index.n * size * (index.dtype === 'uint8' ? 1 : 4)),
    picturesOf(base, index),
  ]);
  const numbers = index.dtype === 'uint8' ? Float32Array.from(bytes) : new Float32Array(bytes.buffer);
  return { index, size, numbers, canvases };
}

/** Pictures, each with its numbers, and named latents. */
export function examplesOf({ index, size, numbers, canvases }, about) {
  if (String(index.shape) !== String(about.shape)) throw damaged();
  const pictures = Array.from({ length: index.n }, (_, i) => {
    const input = numbers.subarray(i * size, (i + 1) * size);
    const canvas = canvases?.[i] ?? (about.isOfPixels ? canvasOf(input, about.shape, scaleOf(about.range)) : null);
    return { name: `Picture ${i + 1}`, input, canvas };
  });
  return { pictures, points: pointsOf(index, about) };
}

const isFile = (name) => typeof name === 'string' && /^[\w-]+\.bin$/.test(name);

async function ofSize(url, n) {
  const bytes = await fetchFile(url, LARGEST, MISSING);
  if (bytes.length !== n) throw damaged();
  return bytes;
}

async function picturesOf(base, { n, pictures }) {
  if (!pictures) return null;
  const { shape, file } = pictures;
  const isShape = Array.isArray(shape) && [2, 3].includes(shape.length)
    && shape.every((size) => Number.isInteger(size) && size >= 1 && size <= 4096);
  if (!isShape || !isFile(file) || ![undefined, 3].includes(shape[2])) throw damaged();
  const size = shape.reduce((a, b) => a * b, 1);
  const bytes = await ofSize(base + file, n * size);
  return Array.from({ length: n }, (_, i) => canvasOfBytes(bytes.subarray(i * size, (i + 1) * size), shape));
}

function pointsOf({ latents = {} }, { nGaussian, nCategories }) {
  const n = nCategories.reduce((a, b) => a + b, nGaussian);
  const isRow = (row) => Array.isArray(row) && row.length === n && row.every(Number.isFinite);
  if (typeof latents !== 'object' || latents === null) throw damaged();
  const points = Object.entries(latents).slice(0, 24);
  if (!points.every(([, latent]) => isRow(latent))) throw damaged();
  return points.map(([name, latent]) => ({ name: name.slice(0, 60), latent }));
}

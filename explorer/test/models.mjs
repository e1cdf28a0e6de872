// The models of make_models.py in Node, with the code that loads them on the page.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-web/wasm';
import { loadModel } from '../src/engine/load.js';
import { Problem } from '../src/engine/problem.js';

export const NAMES = ['digits', 'scenes'];
export const folderOf = (name) => fileURLToPath(new URL(`../models/${name}/`, import.meta.url));

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'fatal';

for (const name of NAMES) {
  assert.ok(existsSync(`${folderOf(name)}manifest.json`), 'Make the models first: make explorer.');
}

/** What predict and infer_latent answered about images, and these. */
export function expectedOf(name) {
  const folder = folderOf(`expected`);
  const found = JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8'));
  const bytes = readFileSync(`${folder}${name}.bin`);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { ...found, n: found.shape[0], values };
}

/** Load a model, some of whose files have other bytes. */
export function load(name, instead = {}) {
  return loadModel(ort, async (file, most) => {
    let bytes = instead[file];
    if (!bytes) {
      bytes = await readFile(folderOf(name) + file).catch(() => {
        throw new Problem(`${file} is not there (404): export the model again with est.export(folder).`);
      });
    }
    if (bytes.length > most) {
      throw new Problem(`${file} is larger than it should be: export the model again with est.export(folder).`);
    }
    return new Uint8Array(bytes);
  });
}

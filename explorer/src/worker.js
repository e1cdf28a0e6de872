// Runs the networks; see client.js.

import * as ort from 'onnxruntime-web/wasm';
import { loadModel } from './engine/load.js';
import { sentenceOf } from './engine/problem.js';
import { fetchFile } from './fetch.js';

ort.env.wasm.numThreads = 1; // threads need headers that not every server of static pages sends
ort.env.wasm.wasmPaths = { wasm: new URL('./ort/ort-wasm-simd-threaded.wasm', self.location.href).href };
ort.env.logLevel = 'error';
// The runtime is compiled while the model is on its way; there is no other way to ask for it.
ort.InferenceSession.create(new Uint8Array(1)).catch(() => {});

let model = null;

const METHODS = {
  async load(base) {
    await model?.release();
    model = null;
    model = await loadModel(ort, (name, most) => fetchFile(base + name, most));
    return model.about;
  },
  setPictures: (inputs, n) => model.setPictures(inputs, n),
  answers: (latent, rows) => model.answers(latent, rows),
  central: () => model.central(),
  alternatives: (row) => model.alternatives(row),
  infer: (row, ids) => model.infer(row, ids),
  read: (text) => model.read(text),
  attention: (row, latent, ids) => model.attention(row, latent, ids),
  under: (row, latents) => model.under(row, latents),
};

let last = Promise.resolve();

self.onmessage = ({ data: { id, method, args } }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id, result: await METHODS[method](...args) });
    } catch (error) {
      self.postMessage({ id, problem: sentenceOf(error) });
    }
  });
};

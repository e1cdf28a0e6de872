// Runs the networks; see client.js.

import * as ort from 'onnxruntime-web/wasm';
import { loadModel } from './engine/load.js';
import { Problem, sentenceOf } from './engine/problem.js';
import { fetchFile } from './fetch.js';

ort.env.wasm.numThreads = 1; // threads need headers that not every server of static pages sends
ort.env.wasm.wasmPaths = { wasm: new URL('./ort/ort-wasm-simd-threaded.wasm', self.location.href).href };
ort.env.logLevel = 'error';
// The runtime is compiled while the model is on its way; there is no other way to ask for it.
ort.InferenceSession.create(new Uint8Array(1)).catch(() => {});

let model = null;

async function load(base) {
  await model?.release();
  model = null;
  model = await loadModel(ort, (name, most) => fetchFile(base + name, most));
  return model.about;
}

/** What the model is asked; a worker that took another's place, which was lost, has none. */
function asked(method, args) {
  if (!model) throw new Problem('The model is not loaded any more: load the page again.');
  return model[method](...args);
}

let last = Promise.resolve();

self.onmessage = ({ data: { id, method, args } }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id, result: await (method === 'load' ? load(...args) : asked(method, args)) });
    } catch (error) {
      self.postMessage({ id, problem: sentenceOf(error) });
    }
  });
};

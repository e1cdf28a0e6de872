// A model out of its folder: the manifest, the networks and the pictures that come with it.

import { parseManifest, signatures } from './manifest.js';
import { LabelModel } from './labels.js';
import { Networks } from './networks.js';
import { Problem } from './problem.js';
import { SentenceModel } from './sentences.js';

const LARGEST = 2 ** 26; // bytes of a manifest

/**
 * @param ort onnxruntime-web.
 * @param read Returns the bytes of a file of the model's folder, and throws if they are more than
 *   so many: `read(name, most)`.
 */
export async function loadModel(ort, read) {
  const manifest = parseManifest(await read('manifest.json', LARGEST));
  const sessions = new Map();
  try {
    // One after the other: the sizes of two networks together may be more than there is memory.
    const files = await Promise.all(
      Object.entries(manifest.networks).map(async ([name, entry]) => [name, await checked(read, entry)]),
    );
    for (const [name, bytes] of files) {
      sessions.set(name, await session(ort, name, bytes, signatures(manifest)[name]));
    }
    const networks = new Networks(ort, sessions);
    return manifest.kind === 'labels'
      ? new LabelModel(manifest, networks)
      : new SentenceModel(manifest, networks);
  } catch (error) {
    await Promise.all([...sessions.values()].map((s) => s.release()));
    throw error;
  }
}

async function checked(read, { file, bytes, sha256 }) {
  const content = await read(file, bytes);
  if (!globalThis.crypto?.subtle) {
    throw new Problem('The browser checks files on secure pages only: open this page over https.');
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  const found = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found !== sha256) {
    throw new Problem(`${file} is damaged, or of another export: export the model again with est.export(folder).`);
  }
  return content;
}

async function session(ort, name, bytes, [inputs, outputs]) {
  let found;
  try {
    found = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  } catch (error) {
    if (typeof WebAssembly === 'undefined') throw noWebAssembly();
    throw new Problem(
      `The network “${name}” cannot be read (${String(error?.message ?? error).slice(0, 120)}): `
      + 'export the model again with est.export(folder).',
    );
  }
  const hasAll = inputs.every((input) => found.inputNames.includes(input))
    && found.inputNames.length === inputs.length
    && outputs.every((output) => found.outputNames.includes(output));
  if (!hasAll) {
    await found.release();
    throw new Problem(`The network “${name}” does not fit the manifest: export the model again with est.export(folder).`);
  }
  return found;
}

export const noWebAssembly = () => new Problem(
  'This browser has no WebAssembly, which runs the networks: allow it, or use another browser.',
);

// The page: which models there are, and one explorer of the model that is shown.

import { Engine } from './client.js';
import { byId, el } from './dom.js';
import { fetchExamples } from './examples.js';
import { Explorer } from './explorer.js';
import { Problem } from './engine/problem.js';

let engine = null;
let explorer = null;
let isOpening = false;

/** Show a problem, or, with null, none. */
function tell(problem) {
  if (!problem) {
    byId('message').replaceChildren();
    return;
  }
  const text = problem instanceof Problem
    ? problem.message
    : `Something went wrong (${String(problem?.message ?? problem).slice(0, 150)}): load the page again.`;
  const close = el('button', { type: 'button', onclick: () => tell(null) }, 'Close');
  byId('message').replaceChildren(el('span', {}, text), close);
}

/** The models beside the page: those of models.json, or the one in `model`. */
async function modelsOf() {
  const one = [{ name: 'Model', path: 'model/', examples: true }];
  const response = await fetch('models.json').catch(() => null);
  if (!response?.ok) return one;
  const list = await response.json().catch(() => null);
  const isModel = (entry) => typeof entry?.name === 'string' && /^[\w-]+\/$/.test(entry.path ?? '');
  if (!Array.isArray(list) || !list.length || !list.every(isModel)) {
    throw new Problem('models.json is damaged: build the page again with `make explorer`.');
  }
  return list;
}

async function open(entry) {
  if (isOpening) return; // the engine has one model at a time
  isOpening = true;
  tell(null);
  explorer?.close();
  explorer = null;
  for (const button of byId('models').children) {
    button.setAttribute('aria-current', String(button.textContent === entry.name));
  }
  byId('main').classList.add('is-waiting');
  try {
    const base = new URL(entry.path, location.href).href;
    const examples = entry.examples === false ? null : fetchExamples(base);
    examples?.catch(() => {}); // where the model is not there, that is what to say
    explorer = new Explorer(engine, await engine.call('load', base), tell);
    byId('main').hidden = false;
    await explorer.begin(await examples);
    document.title = `${entry.name} – Latent explorer`;
  } catch (error) {
    explorer?.close();
    explorer = null;
    byId('main').hidden = true;
    tell(error);
  } finally {
    isOpening = false;
    byId('main').classList.remove('is-waiting');
  }
}

/** Pictures dropped anywhere, or chosen. */
function listen() {
  const add = (files) => explorer?.add([...files]);
  byId('file').addEventListener('change', ({ target }) => {
    add(target.files);
    target.value = '';
  });
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  let depth = 0;
  const show = (by) => {
    depth = by ? depth + by : 0;
    byId('drop').classList.toggle('is-on', depth > 0);
  };
  addEventListener('dragenter', (event) => hasFiles(event) && show(1));
  addEventListener('dragleave', (event) => hasFiles(event) && depth && (depth > 1 ? show(-1) : show(0)));
  addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(0);
    add(event.dataTransfer.files);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => explorer?.repaint());
  addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    tell(event.reason);
  });
}

async function start() {
  try {
    if (typeof WebAssembly === 'undefined') {
      throw new Problem('This browser has no WebAssembly, which runs the networks: allow it, or use another browser.');
    }
    engine = new Engine(new URL('worker.js', location.href));
    listen();
    const models = await modelsOf();
    if (models.length > 1) {
      byId('models').replaceChildren(...models.map((entry) => el(
        'button', { type: 'button', 'aria-current': 'false', onclick: () => open(entry) }, entry.name,
      )));
    }
    await open(models[0]);
  } catch (error) {
    tell(error);
  }
}

start();

// Damaged models, one after the other, in a thread that can be ended; see mutations.test.mjs.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { sentenceOf } from '../src/engine/problem.js';
import { RandomState } from '../src/engine/random.js';
import { NAMES, expectedOf, folderOf, load } from './models.mjs';

const VALUES = [
  null, true, -1, 0, 1, 2, 1.5, 1e9, 2 ** 31, 1e300, 'x', '', '../../etc/passwd', [], {}, [[]], [0],
  [1e9, 1e9, 1e9], { file: 'x' }, '\u0000', 'a'.repeat(1e5),
];
const rng = new RandomState(0);
const below = (n) => Math.floor(rng.uniform() * n);
const pick = (list) => list[below(list.length)];

/** All places in a value, as paths. */
function* places(value, path = []) {
  if (path.length) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) yield* places(value[key], [...path, key]);
}

function changed(text) {
  const value = JSON.parse(text);
  // The fields at the top count as much as the thousand numbers of the bank.
  const all = [...places(value)];
  const few = all.filter((path) => !/bank|tokens|returns/.test(path[1]));
  const path = pick(rng.uniform() < 0.8 ? few : all);
  const holder = path.slice(0, -1).reduce((v, key) => v[key], value);
  const key = path[path.length - 1];
  const how = below(4);
  if (how === 0 && !Array.isArray(holder)) delete holder[key];
  else if (how === 1 && typeof holder[key] === 'number') holder[key] = pick([-holder[key], holder[key] + 1, holder[key] * 1e6, 0]);
  else if (how === 2 && Array.isArray(holder[key])) holder[key] = pick([holder[key].slice(1), [...holder[key], ...holder[key]]]);
  else holder[key] = pick(VALUES);
  return JSON.stringify(value);
}

function damaged(bytes) {
  const found = Buffer.from(bytes);
  const how = below(3);
  if (how === 0) return found.subarray(0, below(found.length));
  for (let i = 0; i < (how === 1 ? 1 : 40); i++) found[below(found.length)] = below(256);
  return found;
}

function mutant(kind) {
  const name = pick(NAMES);
  const text = readFileSync(`${folderOf(name)}manifest.json`, 'utf8');
  if (kind === 'fields') return [name, { 'manifest.json': Buffer.from(changed(text)) }];
  if (kind === 'bytes') return [name, { 'manifest.json': damaged(Buffer.from(text)) }];
  const manifest = JSON.parse(text);
  const entry = pick(Object.values(manifest.networks));
  const network = damaged(readFileSync(folderOf(name) + entry.file));
  const instead = { [entry.file]: network };
  if (kind === 'forged networks') {
    // Whoever forges a network writes its checksum, too.
    entry.sha256 = createHash('sha256').update(network).digest('hex');
    entry.bytes = network.length || 1;
    instead['manifest.json'] = Buffer.from(JSON.stringify(manifest));
  }
  return [name, instead];
}

const pictures = Object.fromEntries(NAMES.map((name) => [name, expectedOf(name)]));

async function outcome([name, instead]) {
  let model;
  try {
    model = await load(name, instead);
    const { values, n } = pictures[name];
    await model.setPictures(values.slice(0, (3 * values.length) / n), 3);
    const latent = new Array(model.manifest.latents.nLatents).fill(0.5);
    await model.answers(latent);
    await model.answers(null);
    return null;
  } catch (error) {
    return sentenceOf(error);
  } finally {
    await model?.release().catch(() => {});
  }
}

parentPort.on('message', async (kind) => parentPort.postMessage(await outcome(mutant(kind))));

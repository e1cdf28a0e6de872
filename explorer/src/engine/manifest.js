// The manifest of an export, checked: nothing below meets a number that it was not made for.

import { Problem } from './problem.js';

export const FORMAT = 'condcap_sk.export.1';
const AGAIN = 'export the model again with est.export(folder)';
const SIZES = [
  'vector', 'regions', 'memory', 'n_regions', 'sentence', 'latent', 'n_tokens', 'state',
  'encoder_state',
];
// What a page can show; the format itself allows more.
const MOST = { size: 2 ** 24, length: 1000, beams: 64, latents: 1024, bank: 4096, labels: 2 ** 20 };

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isWhole = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

/** Takes fields out of an object; what is not as it must be becomes a sentence. */
class Fields {
  constructor(values, where) {
    this.values = values;
    this.where = where;
    if (!isObject(values)) this.refuse(null, values);
  }

  refuse(name, value) {
    const where = name === null ? this.where : `${this.where}.${name}`;
    const text = String(JSON.stringify(value) ?? 'missing').slice(0, 60);
    throw new Problem(`The model’s ${where} is damaged (${text}): ${AGAIN}.`);
  }

  take(name, isRight) {
    const value = Object.hasOwn(this.values, name) ? this.values[name] : undefined;
    if (!isRight(value)) this.refuse(name, value);
    return value;
  }

  inner(name) {
    return new Fields(this.take(name, isObject), `${this.where}.${name}`);
  }

  whole(name, least, most) {
    return this.take(name, (value) => isWhole(value, least, most));
  }

  number(name, least, most) {
    return this.take(name, (value) => isNumber(value) && value >= least && value <= most);
  }

  oneOf(name, possible) {
    return this.take(name, (value) => possible.includes(value));
  }

  list(name, isRight, most) {
    return this.take(
      name, (value) => Array.isArray(value) && value.length <= most && value.every(isRight),
    );
  }
}

/** Returns the manifest in the bytes of a file. */
export function parseManifest(bytes) {
  let values;
  try {
    values = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Problem(`The model’s manifest.json is no JSON: ${AGAIN}.`);
  }
  const fields = new Fields(values, 'manifest.json');
  const format = fields.take('format', (value) => typeof value === 'string');
  if (format !== FORMAT) {
    throw new Problem(
      `This model is of format ${format.slice(0, 40)}, and this page reads ${FORMAT}: `
      + 'export the model again with the version of condcap_sk that the page is of.',
    );
  }
  const manifest = {
    format,
    version: fields.take('version', (value) => typeof value === 'string').slice(0, 40),
    kind: fields.oneOf('kind', ['labels', 'sentences']),
    objective: fields.oneOf('objective', ['relativistic', 'paper']),
    hasConsensus: fields.take('has_consensus', (value) => typeof value === 'boolean'),
    images: images(fields.inner('images')),
    latents: latents(fields.inner('latents')),
    answers: answers(fields.inner('answers')),
    sizes: sizes(fields.inner('sizes')),
  };
  manifest.answering = answering(fields.inner('answering'), manifest);
  checkTogether(manifest, fields);
  manifest.networks = networks(fields.inner('networks'), manifest);
  return manifest;
}

function images(fields) {
  const shape = fields.list('shape', (size) => isWhole(size, 1, MOST.size), 3);
  const isOfPixels = shape.length === 3;
  const size = shape.reduce((a, b) => a * b, 1);
  if (!(shape.length === 1 || isOfPixels) || size > MOST.size) fields.refuse('shape', shape);
  if (isOfPixels && ![1, 3, 4].includes(shape[0])) fields.refuse('shape', shape);
  const [range] = fields.list(
    'pixel_range', (row) => Array.isArray(row) && row.length === 2 && row.every(isNumber), 1,
  );
  if (!range || range[0] > range[1]) fields.refuse('pixel_range', range);
  return {
    seen: fields.oneOf('seen', ['matched', 'end-to-end', 'ignored']), shape, size, isOfPixels, range,
  };
}

function latents(fields) {
  const nGaussian = fields.whole('n_gaussian', 0, MOST.latents);
  const nCategories = fields.list('n_categories', (n) => isWhole(n, 2, MOST.latents), 64);
  const nLatents = nCategories.reduce((a, b) => a + b, nGaussian);
  if (nLatents < 1 || nLatents > MOST.latents) fields.refuse('n_gaussian', nLatents);
  const isRow = (row) => Array.isArray(row) && row.length === nLatents && row.every(isNumber);
  const bank = fields.list('bank', isRow, MOST.bank);
  if (!bank.length) fields.refuse('bank', bank);
  return { nGaussian, nCategories, nOneHot: nLatents - nGaussian, nLatents, bank };
}

function answers(fields) {
  const analyzer = fields.oneOf('analyzer', ['label', 'word', 'char']);
  const isToken = analyzer === 'label'
    ? (token) => ['string', 'boolean'].includes(typeof token) || isNumber(token)
    : (token) => typeof token === 'string';
  const tokens = fields.list('tokens', isToken, MOST.labels);
  if (!tokens.length) fields.refuse('tokens', tokens);
  const glue = fields.oneOf('glue', [analyzer === 'char' ? '' : ' ']);
  const firstId = fields.oneOf('first_id', [2]);
  return { analyzer, tokens, glue, firstId, maxLength: fields.whole('max_length', 1, MOST.length) };
}

function sizes(fields) {
  const found = {};
  for (const name of SIZES) found[name] = fields.whole(name, 0, MOST.size);
  for (const name of ['sentence', 'latent', 'n_tokens']) {
    if (!found[name]) fields.refuse(name, 0);
  }
  return found;
}

function answering(fields, { hasConsensus, answers: { tokens, maxLength } }) {
  const circles = fields.inner('circles');
  const found = {};
  for (const name of hasConsensus ? ['decoder', 'consensus'] : ['decoder']) {
    const part = circles.inner(name);
    const counts = (key, n) => part.take(key, (value) => value === null || (
      Array.isArray(value) && value.length === n && value.every((v) => isWhole(v, 0, 2 ** 31))));
    found[name] = {
      repeats: counts('repeats', Math.floor(maxLength / 2)),
      recurs: part.take('recurs', (value) => value === null || typeof value === 'boolean'),
      returns: counts('returns', tokens.length + 2),
    };
  }
  return {
    circles: found,
    relevanceReads: fields.oneOf('relevance_reads', ['sentence_vectors', 'ids']),
    relevanceWeight: fields.number('relevance_weight', 0, 1e6),
    beamWidth: fields.whole('beam_width', 1, MOST.beams),
    nLabels: fields.whole('n_labels', 1, 1000),
    wider: fields.whole('wider', 1, 16),
    emphasis: fields.number('emphasis', 0, 1000),
    lengthExponent: fields.number('length_exponent', 0, 10),
  };
}

function checkTogether({ kind, images: seen, latents: columns, answers: of, sizes: n, ...manifest }, fields) {
  const areSentences = kind === 'sentences';
  const contradictions = {
    kind: areSentences !== (of.analyzer !== 'label'),
    'sizes.latent': n.latent !== columns.nLatents,
    'sizes.n_tokens': n.n_tokens !== of.tokens.length + of.firstId,
    'sizes.memory': new Set([n.memory > 0, n.regions > 0, n.n_regions > 0]).size > 1,
    'sizes.state': n.state > 0 !== areSentences,
    'sizes.encoder_state': n.encoder_state > 0 !== areSentences,
    'sizes.regions': n.memory > 0 && (seen.seen !== 'matched' || !areSentences),
    'sizes.vector': n.vector > 0 === (seen.seen === 'end-to-end')
      || (seen.seen === 'ignored' && n.vector !== 1),
    has_consensus: manifest.hasConsensus && (!areSentences || manifest.objective === 'paper'),
    'answers.max_length': !areSentences && of.maxLength !== 1,
  };
  for (const [name, contradicts] of Object.entries(contradictions)) {
    if (contradicts) fields.refuse(name, 'does not fit the rest');
  }
}

/** Names of what each network takes and returns, as condcap_sk/export/signatures.py has them. */
export function signatures({ kind, images: { seen }, answering: how, hasConsensus, sizes: n }) {
  const image = seen === 'end-to-end' ? ['images'] : ['vectors'];
  const memory = n.memory ? ['memory'] : [];
  const regions = n.regions ? ['regions'] : [];
  const found = {
    ...(seen === 'matched' ? { image: [['images'], ['vectors', ...regions]] } : {}),
    generator: [[...image, 'latents'], ['sentence_vectors']],
    recogniser: [[...image, 'sentence_vectors'], ['latents', 'spreads']],
    relevance: [[...image, how.relevanceReads], ['log_odds']],
  };
  if (kind === 'labels') {
    return {
      ...found,
      encoder: [['ids'], ['sentence_vectors']],
      decoder: [['sentence_vectors'], ['log_probabilities']],
    };
  }
  const weights = n.memory ? ['weights'] : [];
  const decoder = {
    start: [['sentence_vectors'], ['gates', 'states']],
    step: [['ids', 'states', 'gates', ...memory], ['log_probabilities', 'next_states', ...weights]],
  };
  if (n.memory) found.memory = [['regions'], ['memory']];
  if (hasConsensus) {
    found.consensus = [[...image, ...regions], ['sentence_vectors', ...memory]];
    found.consensus_start = decoder.start;
    found.consensus_step = decoder.step;
  }
  return {
    ...found,
    ...decoder,
    encoder_step: [['ids', 'states'], ['next_states']],
    encoder_end: [['means'], ['sentence_vectors']],
  };
}

function networks(fields, manifest) {
  const found = {};
  for (const name of Object.keys(signatures(manifest))) {
    const entry = fields.inner(name);
    found[name] = {
      file: entry.take('file', (v) => typeof v === 'string' && /^[a-z_]{1,40}\.onnx$/.test(v)),
      bytes: entry.whole('bytes', 1, 2 ** 31),
      sha256: entry.take('sha256', (v) => typeof v === 'string' && /^[0-9a-f]{64}$/.test(v)),
    };
  }
  return found;
}

// Sentences: beam search, and of what it finds the one that is probable and relevant.

import { Circles, END, beamSearch } from './beams.js';
import { Model, logSigmoid } from './model.js';
import { Rows, repeated, stacked, zeros } from './networks.js';
import { Steps } from './steps.js';
import { split } from './words.js';

const KNOWN = 4000; // sentences whose vectors are kept
const SHOWN = 6; // other answers to a picture
const SOME = 8; // latents of the bank that are tried together

export class SentenceModel extends Model {
  constructor(manifest, networks) {
    super(manifest, networks);
    this.vectors = new Map(); // sentence vectors of token ids
    const { tokens, firstId, maxLength } = manifest.answers;
    this.ids = new Map(tokens.map((token, i) => [token, i + firstId]));
    this.decoders = {};
    for (const [name, circles] of Object.entries(manifest.answering.circles)) {
      this.decoders[name] = {
        prefix: name === 'decoder' ? '' : 'consensus_',
        nTokens: manifest.sizes.n_tokens,
        maxLength,
        circles: new Circles(circles),
      };
    }
  }

  async setPictures(inputs, n) {
    await super.setPictures(inputs, n);
    const { memory, sentence } = this.manifest.sizes;
    this.relevance = this._every().map(() => new Map()); // of token ids, for each picture
    const { regions } = this.pictures;
    if (memory) this.memory = (await this.networks.run('memory', { regions }, { memory })).memory;
    this.centralPlans = null;
    if (this.manifest.hasConsensus) {
      const widths = { sentence_vectors: sentence, ...(memory ? { memory } : {}) };
      const seen = { ...this._seen(this._every()), ...(regions ? { regions } : {}) };
      this.centralPlans = await this.networks.run('consensus', seen, widths);
    }
  }

  _answer(ids) {
    const { tokens, firstId, glue } = this.manifest.answers;
    const words = ids.map((id) => tokens[id - firstId] ?? '…');
    return { ids, words, text: words.join(glue) };
  }

  /** Captions of plans, and their log-probabilities. */
  async _search({ sentence_vectors: vectors, memory }, decoder, width) {
    const steps = await Steps.of(this.networks, this.manifest.sizes, decoder.prefix, vectors, memory);
    return beamSearch(steps, vectors.n, width, decoder);
  }

  async _plans(rows, latents) {
    const vectors = await this._generate(rows, latents);
    return { sentence_vectors: vectors, memory: this.memory?.take(rows) };
  }

  async _choose(rows, latents) {
    const width = this.isPaper ? 1 : this.manifest.answering.beamWidth;
    const found = await this._search(await this._plans(rows, latents), this.decoders.decoder, width);
    return this.isPaper ? found.map(([best]) => this._answer(best.ids)) : this._best(rows, found, 1);
  }

  async central(rows = this._every()) {
    if (this.isPaper) return this._mostRelevant(rows);
    const { beamWidth, wider, emphasis } = this.manifest.answering;
    const [plans, decoder] = await this._central(rows);
    return this._best(rows, await this._search(plans, decoder, wider * beamWidth), emphasis);
  }

  /** Plans and decoder that do without a latent. */
  async _central(rows) {
    if (!this.centralPlans) {
      const origin = zeros(rows.length, this.manifest.latents.nLatents);
      return [await this._plans(rows, origin), this.decoders.decoder];
    }
    const { sentence_vectors: vectors, memory } = this.centralPlans;
    const plans = { sentence_vectors: vectors.take(rows), memory: memory?.take(rows) };
    return [plans, this.decoders.consensus];
  }

  /** Of each picture's captions the one of most merit. */
  async _best(rows, found, emphasis) {
    const { relevanceWeight, lengthExponent } = this.manifest.answering;
    if (relevanceWeight) await this._judge(rows, found);
    return rows.map((row, i) => {
      let best = null;
      let highest = -Infinity;
      for (const { ids, score } of found[i]) {
        const odds = relevanceWeight && this.relevance[row].get(ids.join());
        const merit = (score + (relevanceWeight ? emphasis * relevanceWeight * logSigmoid(odds) : 0))
          / (1 + ids.length) ** lengthExponent;
        if (merit > highest) [best, highest] = [ids, merit];
      }
      return this._answer(best ?? []);
    });
  }

  /** Know how relevant captions are to their pictures; what is known is not computed again. */
  async _judge(rows, found) {
    const missing = new Map();
    rows.forEach((row, i) => {
      for (const { ids } of found[i]) {
        const key = ids.join();
        if (this.relevance[row].has(key)) continue;
        if (!missing.has(row)) missing.set(row, new Map());
        missing.get(row).set(key, ids);
      }
    });
    if (!missing.size) return;
    const judged = [...missing.keys()];
    const k = Math.max(...[...missing.values()].map((captions) => captions.size));
    const filled = judged.flatMap((row) => {
      const captions = [...missing.get(row).values()];
      return Array.from({ length: k }, (_, i) => captions[Math.min(i, captions.length - 1)]);
    });
    const { log_odds: odds } = await this.networks.run(
      'relevance', { ...this._seen(judged), ...await this._read(filled, judged.length, k) }, { log_odds: k },
    );
    judged.forEach((row, i) => {
      [...missing.get(row).keys()].forEach((key, j) => this.relevance[row].set(key, odds.row(i)[j]));
    });
  }

  /** What the network "relevance" gets of n · k captions. */
  async _read(captions, n, k) {
    if (this.manifest.answering.relevanceReads === 'ids') {
      const length = this.manifest.answers.maxLength;
      const ids = new Int32Array(n * k * length).fill(END);
      captions.forEach((caption, i) => ids.set(caption, i * length));
      return { ids: new Rows(ids, [n, k, length]) };
    }
    const vectors = await this._encode(captions);
    return { sentence_vectors: stacked(vectors).as(n, k, this.manifest.sizes.sentence) };
  }

  /** The sentence vectors of captions. */
  async _encode(captions) {
    const keys = captions.map((ids) => ids.join());
    if (this.vectors.size > KNOWN) this.vectors.clear();
    const missing = new Map();
    keys.forEach((key, i) => this.vectors.has(key) || missing.set(key, captions[i]));
    if (missing.size) await this._encodeAnew([...missing]);
    return keys.map((key) => this.vectors.get(key));
  }

  async _encodeAnew(captions) {
    const { encoder_state: width, sentence } = this.manifest.sizes;
    // Those that go on are the first ones at every step.
    captions.sort(([, a], [, b]) => b.length - a.length);
    const n = captions.length;
    const means = zeros(n, width);
    let states = zeros(n, width);
    for (let position = 0; position < captions[0][1].length; position++) {
      const goesOn = captions.filter(([, ids]) => ids.length > position).length;
      const ids = Int32Array.from({ length: goesOn }, (_, i) => captions[i][1][position]);
      const before = new Rows(states.data.subarray(0, goesOn * width), [goesOn, width]);
      ({ next_states: states } = await this.networks.run(
        'encoder_step', { ids: new Rows(ids, [goesOn]), states: before }, { next_states: width },
      ));
      for (let i = 0; i < goesOn * width; i++) means.data[i] += states.data[i];
    }
    captions.forEach(([, ids], i) => {
      const row = means.row(i);
      for (let j = 0; j < width; j++) row[j] /= Math.max(1, ids.length);
    });
    const { sentence_vectors: vectors } = await this.networks.run(
      'encoder_end', { means }, { sentence_vectors: sentence },
    );
    captions.forEach(([key], i) => this.vectors.set(key, vectors.row(i).slice()));
  }

  /** Under the bank, the most relevant answer, as the paper's objective has it. */
  async _mostRelevant(rows) {
    const { bank } = this.manifest.latents;
    const best = [];
    for (const row of rows) {
      const every = bank.map(() => row);
      const answers = await this._choose(every, stacked(bank));
      await this._judge([row], [answers]);
      const odds = (ids) => this.relevance[row].get(ids.join());
      best.push(answers.reduce((a, b) => (odds(b.ids) > odds(a.ids) ? b : a)));
    }
    return best;
  }

  /** Different answers to a picture: likely ones under latents of the bank, the commonest first. */
  async alternatives(row) {
    const { bank } = this.manifest.latents;
    const counts = new Map();
    for (let start = 0; start < Math.min(bank.length, 6 * SOME); start += SOME) {
      const some = bank.slice(start, start + SOME);
      const plans = await this._plans(some.map(() => row), stacked(some));
      for (const [{ ids }] of await this._search(plans, this.decoders.decoder, 1)) {
        const key = ids.join();
        counts.set(key, { ids, n: (counts.get(key)?.n ?? 0) + 1 });
      }
    }
    const ranked = [...counts.values()].sort((a, b) => b.n - a.n).slice(0, SHOWN);
    return ranked.map(({ ids }) => this._answer(ids));
  }

  /** The latent that the recogniser infers from a caption, its spread, and the answer under it. */
  async infer(row, ids) {
    const [vector] = await this._encode([ids]);
    const { latents, spreads } = await this._recognise([row], stacked([vector]));
    const latent = latents.row(0);
    const [answer] = await this._choose([row], repeated(latent, 1));
    return { latent, spread: spreads.row(0), answer };
  }

  /** A caption that someone typed: its ids, or the words that are not known. */
  read(text) {
    const words = split(text, this.manifest.answers.analyzer);
    const unknown = words.filter((word) => !this.ids.has(word));
    if (!words.length || unknown.length) return { unknown };
    const { maxLength } = this.manifest.answers;
    return this._answer(words.slice(0, maxLength).map((word) => this.ids.get(word)));
  }

  /** How far each word of a caption looked at each region of its picture; null without regions. */
  async attention(row, latent, ids) {
    if (!this.manifest.sizes.memory) return null;
    const [plans, decoder] = latent === null
      ? await this._central([row])
      : [await this._plans([row], repeated(latent, 1)), this.decoders.decoder];
    const { sentence_vectors: vectors, memory } = plans;
    const steps = await Steps.of(this.networks, this.manifest.sizes, decoder.prefix, vectors, memory);
    const found = [];
    for (const previous of [decoder.nTokens, ...ids.slice(0, -1)]) {
      const { weights } = await steps.next([previous], [0], [0], true);
      found.push(weights.row(0).slice());
    }
    return found;
  }
}

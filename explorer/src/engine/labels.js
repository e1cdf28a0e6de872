// Labels: the likeliest ones of the decoder, and of these the one that is probable and relevant.

import { Model, logSigmoid } from './model.js';
import { Rows, stacked } from './networks.js';
import { reach } from './readback.js';

const ROWS = 4096; // pictures times latents that are answered at a time
const VALUES = 2 ** 22; // numbers that a network gets at a time, about

export class LabelModel extends Model {
  get nLabels() {
    return this.manifest.answers.tokens.length;
  }

  async setPictures(inputs, n) {
    await super.setPictures(inputs, n);
    const { sentence } = this.manifest.sizes;
    if (!this.labelVectors) {
      const ids = Int32Array.from({ length: this.nLabels }, (_, i) => i + this.manifest.answers.firstId);
      const found = await this.networks.run(
        'encoder', { ids: new Rows(ids, [ids.length]) }, { sentence_vectors: sentence },
      );
      this.labelVectors = found.sentence_vectors;
    }
    this.relevance = await this._relevance(n);
  }

  /** The log-odds of every label for every picture, n arrays. */
  async _relevance(n) {
    const { sentence } = this.manifest.sizes;
    const found = [];
    const atOnce = Math.max(1, Math.floor(VALUES / (this.nLabels * sentence)));
    for (let start = 0; start < n; start += atOnce) {
      const rows = this._every().slice(start, start + atOnce);
      const each = rows.map(() => this.labelVectors.data);
      const captions = this.manifest.answering.relevanceReads === 'ids'
        ? { ids: this._ids(rows.length) }
        : { sentence_vectors: stacked(each).as(rows.length, this.nLabels, sentence) };
      const odds = await this.networks.run(
        'relevance', { ...this._seen(rows), ...captions }, { log_odds: this.nLabels },
      );
      rows.forEach((_, i) => found.push(odds.log_odds.row(i)));
    }
    return found;
  }

  _ids(n) {
    const { firstId } = this.manifest.answers;
    const ids = Int32Array.from({ length: n * this.nLabels }, (_, i) => (i % this.nLabels) + firstId);
    return new Rows(ids, [n, this.nLabels, 1]);
  }

  async _choose(rows, latents) {
    return (await this._labels(rows, latents)).map((label) => this._answer(label));
  }

  _answer(label) {
    return { ids: [label], text: String(this.manifest.answers.tokens[label]) };
  }

  /** The labels chosen for pictures, each under its latent. */
  async _labels(rows, latents) {
    const chosen = [];
    for (let start = 0; start < rows.length; start += ROWS) {
      const some = rows.slice(start, start + ROWS);
      const of = latents.data.subarray(start * latents.width, (start + some.length) * latents.width);
      const vectors = await this._generate(some, new Rows(of, [some.length, latents.width]));
      const { log_probabilities: scores } = await this.networks.run(
        'decoder', { sentence_vectors: vectors }, { log_probabilities: this.nLabels },
      );
      some.forEach((row, i) => chosen.push(this._best(scores.row(i), this.relevance[row])));
    }
    return chosen;
  }

  _best(scores, relevance) {
    const { relevanceWeight, nLabels } = this.manifest.answering;
    if (this.isPaper || !relevanceWeight) return argmax(scores);
    let candidates = [...scores.keys()];
    if (candidates.length > nLabels) {
      candidates = candidates.sort((a, b) => scores[b] - scores[a]).slice(0, nLabels);
    }
    const merits = candidates.map((label) => scores[label] + relevanceWeight * logSigmoid(relevance[label]));
    return candidates[argmax(merits)];
  }

  async central(rows = this._every()) {
    const ranked = await this._ranked(rows);
    return ranked.map(([label]) => this._answer(label));
  }

  /** The labels that pictures get under the bank of latents, the most relevant ones first. */
  async _ranked(rows) {
    const { bank } = this.manifest.latents;
    const found = [];
    for (const row of rows) {
      const labels = new Set(await this._labels(bank.map(() => row), stacked(bank)));
      found.push([...labels].sort((a, b) => this.relevance[row][b] - this.relevance[row][a]));
    }
    return found;
  }

  async alternatives(row) {
    const [labels] = await this._ranked([row]);
    return labels.map((label) => this._answer(label));
  }

  /** The latent under which a picture's answer is a label, its spread, and the answer under it. */
  async infer(row, [label]) {
    const vector = this.labelVectors.take([label]);
    const { latents, spreads } = await this._recognise([row], vector);
    let latent = latents.row(0);
    const choose = (of) => this._labels(new Array(of.n).fill(row), of);
    const isSearched = !this.isPaper && this.manifest.images.seen !== 'end-to-end';
    if (isSearched && (await choose(latents))[0] !== label) {
      latent = await reach(this, row, label, vector, latent, spreads.row(0), choose);
    }
    const [answer] = await choose(stacked([latent]));
    return { latent, spread: spreads.row(0), answer: this._answer(answer) };
  }

  read(text) {
    const label = this.manifest.answers.tokens.findIndex((token) => String(token) === text.trim());
    return label < 0 ? { unknown: [text.trim()] } : this._answer(label);
  }

  attention() {
    return null;
  }
}

function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

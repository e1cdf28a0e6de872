// What labels and sentences have in common: what the networks get of the pictures, and latents.

import { Rows, repeated, stacked, zeros } from './networks.js';

const IMAGES_AT_ONCE = 32;

/** log σ(x), of log-odds. */
export const logSigmoid = (x) => (x > 0 ? -Math.log1p(Math.exp(-x)) : x - Math.log1p(Math.exp(x)));

export class Model {
  constructor(manifest, networks) {
    this.manifest = manifest;
    this.networks = networks;
  }

  /** What the page has to know. */
  get about() {
    const { kind, version, images, latents, answers, sizes } = this.manifest;
    return {
      kind,
      version,
      shape: images.shape,
      isOfPixels: images.isOfPixels,
      range: images.range,
      nGaussian: latents.nGaussian,
      nCategories: latents.nCategories,
      bank: latents.bank,
      labels: kind === 'labels' ? answers.tokens.map(String) : [],
      nRegions: sizes.n_regions,
    };
  }

  release() {
    return this.networks.release();
  }

  /** Take pictures, (n, …) numbers; the later methods name them by their row. */
  async setPictures(inputs, n) {
    const { images, sizes } = this.manifest;
    const all = new Rows(inputs, [n, ...images.shape]);
    this.pictures = {};
    if (images.seen === 'end-to-end') this.pictures.images = all;
    if (images.seen === 'ignored') this.pictures.vectors = zeros(n, 1);
    if (images.seen === 'matched') {
      const widths = { vectors: sizes.vector, ...(sizes.regions ? { regions: sizes.regions } : {}) };
      const parts = [];
      for (let start = 0; start < n; start += IMAGES_AT_ONCE) {
        const stop = Math.min(n, start + IMAGES_AT_ONCE);
        const some = all.data.subarray(start * all.width, stop * all.width);
        const rows = new Rows(some, [stop - start, ...images.shape]);
        parts.push(await this.networks.run('image', { images: rows }, widths));
      }
      for (const [name, width] of Object.entries(widths)) this.pictures[name] = joined(parts.map((p) => p[name]), width);
    }
    this.n = n;
  }

  /** What generator, recogniser and relevance get of pictures. */
  _seen(rows) {
    const { images, vectors } = this.pictures;
    return images ? { images: images.take(rows) } : { vectors: vectors.take(rows) };
  }

  async _generate(rows, latents) {
    const inputs = { ...this._seen(rows), latents };
    const width = this.manifest.sizes.sentence;
    return (await this.networks.run('generator', inputs, { sentence_vectors: width })).sentence_vectors;
  }

  /** The answers to pictures (all, or some rows) under one latent; null: under none. */
  async answers(latent, rows = this._every()) {
    if (latent === null) return this.central(rows);
    return this._choose(rows, repeated(latent, rows.length));
  }

  /** The answers to one picture under many latents. */
  async under(row, latents) {
    return this._choose(latents.map(() => row), stacked(latents));
  }

  /** The latents (n, n_latents) and spreads that the recogniser infers from sentence vectors. */
  async _recognise(rows, vectors) {
    const width = this.manifest.latents.nLatents;
    return this.networks.run(
      'recogniser', { ...this._seen(rows), sentence_vectors: vectors }, { latents: width, spreads: width },
    );
  }

  _every() {
    return Array.from({ length: this.n }, (_, i) => i);
  }

  get isPaper() {
    return this.manifest.objective === 'paper';
  }
}

function joined(parts, width) {
  const n = parts.reduce((sum, part) => sum + part.n, 0);
  const data = new Float32Array(n * width);
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return new Rows(data, [n, width]);
}

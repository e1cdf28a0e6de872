// The colours of the globe: what the chosen picture's answer is in each direction.

import { isDark } from './dom.js';
import { directions, length } from './sphere.js';

const LABELS = { n: 44, atOnce: 88 }; // texels along each edge, and directions that are tried together
const SENTENCES = { n: 14, atOnce: 7 }; // a few, between which a drag does not wait long
const QUIET = 180; // milliseconds without a change after which the colours are found anew

export class LatentMap {
  constructor(engine, { kind }, palette, onColours) {
    Object.assign(this, { engine, palette, onColours });
    Object.assign(this, kind === 'labels' ? LABELS : SENTENCES);
    this.isNamed = kind === 'labels';
    this.directions = directions(this.n);
    this.wanted = null;
  }

  /** Ask for the colours of a picture, for a length of latents and the one-hot parts before. */
  ask(row, oneHot, norm, isAnew) {
    const key = `${row} ${oneHot} ${norm.toFixed(2)}`;
    if (key === this.wanted && !isAnew) return;
    if (isAnew && key === this.done) {
      this._paint(); // of the other colour scheme
      return;
    }
    this.wanted = key;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this._find(key, row, oneHot, norm).catch(() => {}), QUIET);
  }

  stop() {
    this.wanted = null;
    clearTimeout(this.timer);
  }

  async _find(key, row, oneHot, norm) {
    const texts = [];
    for (let start = 0; start < this.directions.length; start += this.atOnce) {
      const some = this.directions.slice(start, start + this.atOnce);
      const latents = some.map((direction) => [...oneHot, ...direction.map((x) => x * norm)]);
      const answers = await this.engine.call('under', row, latents);
      if (key !== this.wanted) return;
      texts.push(...answers.map(({ text }) => text));
    }
    this.texts = texts;
    this.done = key;
    this._paint();
  }

  _paint() {
    const dark = isDark();
    const colours = new Float32Array(3 * this.texts.length);
    this.texts.forEach((text, i) => colours.set(this.palette.rgb(text, dark), 3 * i));
    this.onColours(colours, this.n, this.isNamed ? this._names() : []);
  }

  /** Each answer's name, in the middle of the directions that give it. */
  _names() {
    const sums = new Map();
    this.texts.forEach((text, i) => {
      const sum = sums.get(text) ?? [0, 0, 0];
      sums.set(text, sum.map((x, k) => x + this.directions[i][k]));
    });
    return [...sums].filter(([, sum]) => length(sum) > 20).map(([text, direction]) => ({ text, direction }));
  }
}

// A latent that gives a label, on the way from the one that the recogniser infers; see
// condcap_sk/model/readback.py and condcap_sk/gan/proposals.py.

import { Rows } from './networks.js';
import { RandomState } from './random.js';

const TRIED = [100, 1000];
const STEPS = 9;
const LEAST_PROBABILITY = 1e-6;

export async function reach(model, row, label, vector, latent, spread, choose) {
  const columns = model.manifest.latents;
  for (const nTried of TRIED) {
    const proposals = propose(columns, latent, spread, nTried);
    const generated = await model._generate(new Array(nTried).fill(row), proposals);
    const goal = proposals.row(closest(generated, vector.row(0)));
    const path = way(latent, goal, columns);
    const given = await choose(path);
    const place = given.indexOf(label);
    if (place >= 0) return path.row(place).slice();
  }
  return latent;
}

function closest(generated, wanted) {
  let best = 0;
  let highest = -Infinity;
  for (let i = 0; i < generated.n; i++) {
    const product = generated.row(i).reduce((sum, value, j) => sum + value * wanted[j], 0);
    if (product > highest) [best, highest] = [i, product];
  }
  return best;
}

/** Steps from a latent to another one; there is no way from one category to another. */
function way(from, to, { nOneHot, nLatents }) {
  const path = new Float32Array(STEPS * nLatents);
  for (let step = 0; step < STEPS; step++) {
    for (let i = 0; i < nLatents; i++) {
      const isThere = i < nOneHot ? step > 0 : step === STEPS - 1;
      const between = from[i] + ((to[i] - from[i]) * step) / (STEPS - 1);
      path[step * nLatents + i] = isThere ? to[i] : i < nOneHot ? from[i] : between;
    }
  }
  return new Rows(path, [STEPS, nLatents]);
}

/** Latents that may give the answer: of the prior, and about what the recogniser infers. */
export function propose({ nGaussian, nCategories, nOneHot, nLatents }, latent, spread, n) {
  const rng = new RandomState(0);
  const drawn = Array.from({ length: n }, () => Array.from({ length: nGaussian }, () => rng.normal()));
  const found = new Float32Array(n * nLatents);
  for (let j = 0; j < nGaussian; j++) {
    const i = nOneHot + j;
    const precision = 1 / (spread[i] * spread[i]);
    const pooled = 1 + Math.max(precision - 1, 0);
    const mean = (latent[i] * precision) / pooled;
    const std = 2 / Math.sqrt(pooled);
    for (let k = 0; k < n; k++) {
      found[k * nLatents + i] = k % 2 ? drawn[k][j] : mean + std * drawn[k][j];
    }
  }
  let first = 0;
  for (const nOf of nCategories) {
    const halves = Array.from(
      { length: nOf }, (_, j) => Math.sqrt(Math.max(spread[first + j], LEAST_PROBABILITY)),
    );
    const total = halves.reduce((a, b) => a + b, 0);
    const cumulated = [];
    halves.reduce((sum, value, j) => (cumulated[j] = sum + value / total), 0);
    for (let k = 0; k < n; k++) {
      const uniform = rng.uniform();
      const below = (value) => uniform * cumulated[nOf - 1] >= value;
      const category = k % 2 ? Math.floor(uniform * nOf) : cumulated.slice(0, -1).filter(below).length;
      found[k * nLatents + first + category] = 1;
    }
    first += nOf;
  }
  return new Rows(found, [n, nLatents]);
}

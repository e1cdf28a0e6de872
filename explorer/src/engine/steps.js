// The decoder, one token of all captions at a time; see condcap_sk/text/steps.py.

import { Rows } from './networks.js';

export class Steps {
  /** Steps of captions that are yet to begin, one of each sentence vector's. */
  static async of(networks, sizes, prefix, vectors, memory) {
    const widths = { gates: 3 * sizes.state, states: sizes.state };
    const begun = await networks.run(`${prefix}start`, { sentence_vectors: vectors }, widths);
    return new Steps(networks, sizes, prefix, begun, memory);
  }

  constructor(networks, sizes, prefix, { gates, states }, memory) {
    Object.assign(this, { networks, sizes, prefix, gates, states, memory });
    this.plans = Array.from({ length: gates.n }, (_, i) => i); // whose gates and memory are kept
  }

  /**
   * Go on with captions from rows of the states before, after their tokens.
   *
   * @param plans The plan of each, in ascending order.
   * @returns Logits, and in which of their rows each caption's are; with `isAttended`, weights.
   */
  async next(tokens, rows, plans, isAttended = false) {
    const { state: width, n_tokens: nTokens, n_regions: nRegions } = this.sizes;
    const counts = new Map();
    for (const plan of plans) counts.set(plan, (counts.get(plan) ?? 0) + 1);
    this._keep([...counts.keys()]);
    // As many captions of each plan: the first row stands for those that are missing.
    const k = Math.max(...counts.values());
    const m = counts.size;
    const ids = new Int32Array(m * k);
    const states = new Float32Array(m * k * width);
    const places = [];
    let plan = -1;
    let place = -1;
    plans.forEach((of, i) => {
      if (!i || of !== plans[i - 1]) place = ++plan * k;
      else place++;
      places.push(place);
      ids[place] = tokens[i];
      states.set(this.states.row(rows[i]), place * width);
    });
    const inputs = {
      ids: new Rows(ids, [m, k]),
      states: new Rows(states, [m, k, width]),
      gates: this.gates,
      ...(this.memory ? { memory: this.memory } : {}),
    };
    const wanted = { log_probabilities: k * nTokens, next_states: k * width };
    if (isAttended) wanted.weights = k * nRegions;
    const found = await this.networks.run(`${this.prefix}step`, inputs, wanted);
    this.states = found.next_states.as(m * k, width);
    return { logits: found.log_probabilities.data, places, weights: found.weights?.as(m * k, nRegions) };
  }

  /** Leave out gates and memory of plans that have come to their end. */
  _keep(plans) {
    if (plans.length === this.plans.length) return;
    const order = plans.map((plan) => this.plans.indexOf(plan));
    this.gates = this.gates.take(order);
    this.memory = this.memory?.take(order);
    this.plans = plans;
  }
}

// Beam search, as condcap_sk/text/beams.py does it, of many plans in one batch.

export const END = 0;
export const UNKNOWN = 1;

/** Which tokens would let a caption go round in circles; see condcap_sk/text/circles.py. */
export class Circles {
  constructor({ repeats = null, recurs = null, returns = null } = {}) {
    this.most = repeats && repeats.map((often, i) => often * (i + 1));
    this.isOnce = recurs !== null && !recurs;
    this.returns = returns;
  }

  /** Tokens that must not follow `ids`; `equal` counts, per period, the last tokens that repeat. */
  closedBy(ids, equal) {
    const closed = new Set();
    const length = ids.length;
    if (this.most) {
      for (let i = 0; i < Math.min(this.most.length, length); i++) {
        if (equal[i] + 1 >= this.most[i]) closed.add(ids[length - 1 - i]);
      }
    }
    if (this.isOnce) {
      for (let i = 0; i + 2 < length; i++) {
        if (ids[i] === ids[length - 2] && ids[i + 1] === ids[length - 1]) closed.add(ids[i + 2]);
      }
    }
    if (this.returns) {
      for (let i = 0; i < length; i++) {
        if (length - i < this.returns[ids[i]]) closed.add(ids[i]);
      }
    }
    return closed;
  }

  /** The counts of a caption after one more token, which is the last of `ids`. */
  after(equal, ids) {
    if (!this.most) return equal;
    const last = ids.length - 1;
    return equal.map((count, i) => (ids[last] === ids[last - 1 - i] ? count + 1 : 0));
  }

  begin() {
    return this.most ? new Array(this.most.length).fill(0) : null;
  }
}

/** The `width` likeliest tokens of one row of logits, and their log-probabilities. */
export function likeliest(logits, start, nTokens, width, { first = false, closed = null } = {}) {
  const isAllowed = (token) => token !== UNKNOWN && !(first && token === END);
  let highest = -Infinity;
  for (let t = 0; t < nTokens; t++) {
    if (isAllowed(t) && logits[start + t] > highest) highest = logits[start + t];
  }
  let sum = 0;
  for (let t = 0; t < nTokens; t++) {
    if (isAllowed(t)) sum += Math.exp(logits[start + t] - highest);
  }
  const total = highest + Math.log(sum);
  const tokens = [];
  const values = [];
  for (let t = 0; t < nTokens; t++) {
    if (!isAllowed(t) || closed?.has(t)) continue;
    const value = logits[start + t];
    if (tokens.length === width && !(value > values[width - 1])) continue;
    let place = tokens.length;
    while (place && value > values[place - 1]) place--;
    tokens.splice(place, 0, t);
    values.splice(place, 0, value);
    if (tokens.length > width) {
      tokens.pop();
      values.pop();
    }
  }
  return { tokens, scores: values.map((value) => value - total) };
}

/**
 * The likeliest captions of each plan, the best first.
 *
 * @param steps `next(tokens, rows, plans)` returns the logits that follow tokens, and in which of
 *   their rows those of each token are. Each goes on from such a row of the call before; at first,
 *   from the beginning of its plan.
 * @param nPlans How many plans there are.
 * @param decoder `{nTokens, maxLength, circles}`; the start token is `nTokens`.
 * @returns For each plan, a list of `{ids, score}`; `ids` have no END.
 */
export async function beamSearch(steps, nPlans, width, decoder) {
  const { nTokens, maxLength, circles } = decoder;
  const every = Array.from({ length: nPlans }, (_, plan) => plan);
  const { logits, places } = await steps.next(every.map(() => nTokens), every, every);
  let beams = every.map((plan) => {
    const row = places[plan];
    const best = likeliest(logits, row * nTokens, nTokens, width, { first: true });
    const begun = best.tokens.map((token, i) => ({
      ids: [token], score: best.scores[i], alive: true, equal: circles.begin(), row,
    }));
    return { plan, captions: begun };
  });
  const found = new Array(nPlans);
  for (let length = 1; ; length++) {
    const isFinished = ({ captions }) => length >= maxLength || !captions.some((c) => c.alive);
    for (const { plan, captions } of beams.filter(isFinished)) found[plan] = captions;
    beams = beams.filter((beam) => !isFinished(beam));
    if (!beams.length) return found;
    await extend(steps, beams, width, decoder);
  }
}

/** Let the captions of all beams go on by one token; only those that have not ended cost time. */
async function extend(steps, beams, width, { nTokens, circles }) {
  const tokens = [];
  const rows = [];
  const plans = [];
  for (const { plan, captions } of beams) {
    for (const { ids, row, alive } of captions) {
      if (!alive) continue;
      tokens.push(ids[ids.length - 1]);
      rows.push(row);
      plans.push(plan);
    }
  }
  const { logits, places } = await steps.next(tokens, rows, plans);
  let count = 0;
  for (const beam of beams) {
    const longer = [];
    for (const caption of beam.captions) {
      if (!caption.alive) {
        longer.push(caption);
        continue;
      }
      const row = places[count++];
      const closed = circles.closedBy(caption.ids, caption.equal);
      const best = likeliest(logits, row * nTokens, nTokens, width, { closed });
      best.tokens.forEach((token, i) => {
        longer.push({ parent: caption, token, score: caption.score + best.scores[i], row });
      });
    }
    longer.sort((a, b) => b.score - a.score);
    beam.captions = longer.slice(0, width).map((c) => (c.parent ? grown(c, circles) : c));
  }
}

function grown({ parent, token, score, row }, circles) {
  if (token === END) return { ids: parent.ids, score, alive: false };
  const ids = [...parent.ids, token];
  return { ids, score, alive: true, equal: circles.after(parent.equal, ids), row };
}

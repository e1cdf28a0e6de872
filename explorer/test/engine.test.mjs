// What needs neither a model nor a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Circles, beamSearch, likeliest } from '../src/engine/beams.js';
import { latest } from '../src/client.js';
import { oklch, Palette } from '../src/colours.js';
import { RandomState } from '../src/engine/random.js';
import { propose } from '../src/engine/readback.js';
import { split } from '../src/engine/words.js';
import { scaleOf } from '../src/pictures.js';
import { bordered, colourAt, directions, dot, product, rotation, turned, turnedBack, unit } from '../src/sphere.js';

const isNear = (a, b, by = 1e-9) => assert.ok(Math.abs(a - b) < by, `${a} is not ${b}`);

test('random numbers are those of NumPy’s RandomState(0)', () => {
  const rng = new RandomState(0);
  const normals = [1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458];
  for (const value of normals) isNear(rng.normal(), value, 1e-14);
  const uniform = new RandomState(0);
  for (const value of [0.5488135039273248, 0.7151893663724195]) isNear(uniform.uniform(), value, 1e-15);
});

test('proposals are about what was inferred, and of the prior, by turns', () => {
  const columns = { nGaussian: 1, nCategories: [2], nOneHot: 2, nLatents: 3 };
  const found = propose(columns, [0, 1, 1.5], [0.001, 0.999, 0.1], 200);
  const rows = Array.from({ length: 200 }, (_, i) => found.row(i));
  const near = rows.filter((_, i) => i % 2 === 0);
  isNear(near.reduce((sum, row) => sum + row[2], 0) / near.length, 1.5, 0.1);
  assert.ok(near.filter((row) => row[1] === 1).length > 85);
  assert.ok(rows.every((row) => row[0] + row[1] === 1));
});

test('the likeliest tokens are neither unknown, nor an end at the beginning, nor closed', () => {
  const logits = Float32Array.from([9, 9, 1, 3, 2]);
  const first = likeliest(logits, 0, 5, 2, { first: true });
  assert.deepEqual(first.tokens, [3, 4]);
  isNear(first.scores[0], 3 - Math.log(Math.exp(1) + Math.exp(3) + Math.exp(2)));
  const later = likeliest(logits, 0, 5, 2, { closed: new Set([3]) });
  assert.deepEqual(later.tokens, [0, 4]);
  isNear(later.scores[0], 9 - Math.log(Math.exp(9) + Math.exp(1) + Math.exp(3) + Math.exp(2)));
});

test('captions do not go round in circles', () => {
  const grow = (circles, ids) => {
    let equal = circles.begin();
    for (let n = 2; n <= ids.length; n++) equal = circles.after(equal, ids.slice(0, n));
    return [...circles.closedBy(ids, equal)].sort();
  };
  assert.deepEqual(grow(new Circles({ repeats: [1, 1] }), [5, 6]), [6]);
  assert.deepEqual(grow(new Circles({ repeats: [1, 1] }), [5, 6, 5]), [5, 6]);
  assert.deepEqual(grow(new Circles({ repeats: [2, 1] }), [5, 6]), []);
  assert.deepEqual(grow(new Circles({ recurs: false }), [5, 6, 7, 8, 5, 6]), [7]);
  assert.deepEqual(grow(new Circles({ recurs: true }), [5, 6, 7, 8, 5, 6]), []);
  const returns = new Array(10).fill(1);
  returns[5] = 3;
  assert.deepEqual(grow(new Circles({ returns }), [5, 6]), [5]);
  assert.deepEqual(grow(new Circles({ returns }), [5, 6, 7]), []);
});

/** All captions of a decoder without a memory, whose logits follow from the last token alone. */
function exhaustively(table, nTokens, maxLength) {
  const found = [];
  const visit = (ids, score) => {
    const best = likeliest(table[ids.at(-1) ?? nTokens], 0, nTokens, nTokens, { first: !ids.length });
    best.tokens.forEach((token, i) => {
      const total = score + best.scores[i];
      if (token === 0) found.push({ ids, score: total });
      else if (ids.length + 1 === maxLength) found.push({ ids: [...ids, token], score: total });
      else visit([...ids, token], total);
    });
  };
  visit([], 0);
  return found.sort((a, b) => b.score - a.score);
}

test('a beam that is wide enough finds the likeliest captions of several plans', async () => {
  const nTokens = 5;
  const rng = new RandomState(3);
  const tables = [0, 1].map(() => Array.from(
    { length: nTokens + 1 }, () => Float32Array.from({ length: nTokens }, () => 2 * rng.normal()),
  ));
  const steps = {
    async next(tokens, rows, plans) {
      const logits = new Float32Array(tokens.length * nTokens);
      tokens.forEach((token, i) => logits.set(tables[plans[i]][token], i * nTokens));
      return { logits, places: tokens.map((_, i) => i) };
    },
  };
  const decoder = { nTokens, maxLength: 4, circles: new Circles() };
  const found = await beamSearch(steps, 2, 200, decoder);
  tables.forEach((table, plan) => {
    const expected = exhaustively(table, nTokens, 4);
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(found[plan][i].ids, expected[i].ids);
      isNear(found[plan][i].score, expected[i].score, 1e-6);
    }
  });
  const narrow = await beamSearch(steps, 2, 2, decoder);
  assert.ok(narrow.every((captions) => captions.length === 2));
});

test('words are those of the tokenizer', () => {
  assert.deepEqual(split('A Dog’s ball, 2 cats!', 'word'), ['a', 'dog', 's', 'ball', '2', 'cats']);
  assert.deepEqual(split('Cafe\u0301 сім’я', 'word'), ['café', 'сім’я']);
  assert.deepEqual(split('犬だ', 'char'), ['犬', 'だ']);
});

test('scales of pixels', () => {
  assert.deepEqual(scaleOf([0, 250]), [0, 255]);
  assert.deepEqual(scaleOf([0, 1]), [0, 1]);
  assert.deepEqual(scaleOf([0, 16]), [0, 16]);
  assert.deepEqual(scaleOf([50, 253]), [0, 255]);
  assert.deepEqual(scaleOf([-1, 0.9]), [-1, 1]);
  assert.deepEqual(scaleOf([-2.1, 2.6]), [-2.1, 2.6]);
  assert.deepEqual(scaleOf([3, 3]), [3, 4]);
});

test('rotations turn and turn back', () => {
  const view = product(rotation([1, 2, 3], 0.7), rotation([0, 1, 0], -2));
  const a = unit([0.3, -0.5, 0.8]);
  turnedBack(view, turned(view, a)).forEach((value, i) => isNear(value, a[i]));
  isNear(dot(turned(rotation([0, 1, 0], Math.PI / 2), [0, 0, 1]), [1, 0, 0]), 1);
});

test('the colours of the globe are those of the nearest directions, over its edges, too', () => {
  const n = 48;
  const all = directions(n);
  const colours = Float32Array.from(all.flat());
  const border = bordered(colours, n);
  const rng = new RandomState(0);
  const out = [0, 0, 0];
  for (let i = 0; i < 2000; i++) {
    const a = unit([rng.normal(), rng.normal(), i % 2 ? rng.normal() : -1 - Math.abs(rng.normal())]);
    colourAt(border, n, ...a, out);
    out.forEach((value, k) => isNear(value, a[k], 0.06));
  }
});

test('colours of labels differ, and are equally light', () => {
  assert.deepEqual(oklch(1, 0, 0), [255, 255, 255]);
  const palette = new Palette([...'0123456789']);
  assert.equal(new Set([...'0123456789'].map((label) => palette.css(label, false))).size, 10);
});

test('of calls that overtake each other, the last one is made', async () => {
  const made = [];
  const call = latest(async (value) => {
    made.push(value);
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  const first = call(1);
  for (let i = 2; i < 10; i++) call(i);
  await first;
  assert.deepEqual(made, [1, 9]);
});

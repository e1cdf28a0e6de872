// The engine answers as `predict(X, c)` does; 1000 labels and 1000 sentences.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NAMES, expectedOf, load } from './models.mjs';

const share = (are) => are.filter(Boolean).length / are.length;
const text = (answer) => String(answer);

for (const name of NAMES) {
  test(`${name}: answers under latents, without one, and latents of answers`, async (t) => {
    const expected = expectedOf(name);
    const model = await load(name);
    await model.setPictures(expected.values, expected.n);
    const are = [];
    for (const [j, latent] of expected.latents.entries()) {
      const found = await model.answers(latent);
      found.forEach((answer, i) => are.push(answer.text === text(expected.answers[i][j])));
    }
    const central = await model.answers(null);
    const areCentral = central.map((answer, i) => answer.text === text(expected.central[i]));
    const areInferred = [];
    for (let i = 0; i < expected.n; i++) {
      const asked = model.read(text(expected.answers[i][0]));
      const { latent } = await model.infer(i, asked.ids);
      areInferred.push(latent.every((value, k) => Math.abs(value - expected.inferred[i][k]) < 1e-3));
    }
    t.diagnostic(`${are.length} answers under latents: ${share(are)} equal; without: ${share(areCentral)}; latents: ${share(areInferred)}`);
    assert.ok(are.length >= 1000);
    assert.ok(share(are) >= 0.999);
    assert.ok(share(areCentral) >= 0.98); // of 50
    assert.ok(share(areInferred) >= 0.98);
    await model.release();
  });

  test(`${name}: what else may be said is said under some latent`, async () => {
    const expected = expectedOf(name);
    const model = await load(name);
    await model.setPictures(expected.values, expected.n);
    const answers = await model.alternatives(0);
    assert.ok(answers.length >= 2);
    assert.equal(new Set(answers.map((answer) => answer.text)).size, answers.length);
    const { latent, answer } = await model.infer(0, answers[0].ids);
    assert.equal(answer.text, (await model.under(0, [latent]))[0].text);
    assert.deepEqual(model.read('zebra').unknown, ['zebra']);
    await model.release();
  });
}

test('scenes: words look at regions, with weights that add up to 1', async () => {
  const expected = expectedOf('scenes');
  const model = await load('scenes');
  await model.setPictures(expected.values, expected.n);
  for (const latent of [expected.latents[0], null]) {
    const [answer] = await model.answers(latent, [3]);
    const weights = await model.attention(3, latent, answer.ids);
    assert.equal(weights.length, answer.words.length);
    for (const row of weights) {
      assert.equal(row.length, model.about.nRegions);
      assert.ok(Math.abs(row.reduce((a, b) => a + b, 0) - 1) < 1e-4);
    }
  }
  await model.release();
});

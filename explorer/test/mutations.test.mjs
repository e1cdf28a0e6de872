// A thousand damaged models: of each a sentence that says what to do, or answers; never a hang.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

const LONGEST = 20000; // milliseconds
const KINDS = { fields: 400, bytes: 150, networks: 350, 'forged networks': 100 };

function assertSentence(text) {
  assert.match(text, /: [^]+\.$/u);
  assert.ok(text.length < 400, text);
}

function asked(worker, kind) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${kind}: no answer after ${LONGEST} ms`)), LONGEST);
    worker.once('message', (found) => {
      clearTimeout(timer);
      resolve(found);
    });
    worker.once('error', reject);
  });
}

for (const [kind, n] of Object.entries(KINDS)) {
  test(`${n} models with damaged ${kind}`, async (t) => {
    const worker = new Worker(new URL('mutants.mjs', import.meta.url));
    worker.setMaxListeners(0);
    let answered = 0;
    try {
      for (let i = 0; i < n; i++) {
        const found = asked(worker, kind);
        worker.postMessage(kind);
        const problem = await found;
        if (problem === null) answered++;
        else assertSentence(problem);
      }
    } finally {
      await worker.terminate();
    }
    t.diagnostic(`${answered} of ${n} answer all the same`);
    if (kind === 'networks') assert.equal(answered, 0);
    assert.ok(answered < n / 2);
  });
}

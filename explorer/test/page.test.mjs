// The page in a real browser.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  SITE, answered, assertSentence, launch, median, openPage, png, problemOf, serveSite,
} from './helpers.mjs';
import { expectedOf } from './models.mjs';

const PICTURES = process.env.SCREENSHOTS; // a folder for pictures of the page, for people
const PAGE = ['index.html', 'app.js', 'worker.js', 'style.css', 'icon.svg'];
const DIGITS = '#models button:nth-child(1)';
const SCENES = '#models button:nth-child(2)';

let browser;
let site;
const contexts = [];

before(async () => {
  browser = await launch();
  site = await serveSite();
  if (PICTURES) await mkdir(PICTURES, { recursive: true });
});
after(async () => {
  await browser.close();
  await site.close();
});
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
});

async function opened({ url = site.url, model = DIGITS, ...options } = {}) {
  const found = await openPage(browser, url, options);
  contexts.push(found.context);
  if (model === SCENES) {
    await answered(found.page);
    await found.page.click(SCENES);
    await found.page.waitForFunction(() => document.querySelector('#cards.sentences .now span:last-child')?.textContent);
  } else if (model) await answered(found.page);
  return found;
}

const answersOf = (page) => page.locator('.answer.now').evaluateAll(
  (buttons) => buttons.map((button) => button.lastElementChild.textContent),
);

async function settled(page) {
  await page.waitForTimeout(400);
  return answersOf(page);
}

async function screenshot(page, name) {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png` });
}

/** Drag the point over the globe; returns how long each answer took. */
async function drag(page, steps) {
  const box = await page.locator('#globe').boundingBox();
  const middle = [box.x + box.width / 2, box.y + box.height / 2];
  const radius = 0.25 * Math.min(box.width, box.height);
  await page.mouse.click(middle[0] + radius, middle[1]); // the point goes there
  await settled(page);
  await page.evaluate(() => performance.clearMeasures('answer'));
  await page.mouse.move(middle[0] + radius, middle[1]);
  await page.mouse.down();
  for (let i = 1; i <= steps; i++) {
    const angle = (2 * Math.PI * i) / steps;
    await page.mouse.move(middle[0] + radius * Math.cos(angle), middle[1] + radius * Math.sin(angle));
    await page.waitForTimeout(16);
  }
  await page.mouse.up();
  await settled(page);
  return page.evaluate(() => performance.getEntriesByName('answer').map((entry) => entry.duration));
}

describe('the page', () => {
  test('is small without runtime and models', async (t) => {
    let total = 0;
    for (const name of PAGE) total += (await stat(SITE + name)).size;
    t.diagnostic(`${(total / 1e3).toFixed(1)} kB`);
    assert.ok(total <= 300e3);
  });

  test('has the licence of its runtime', async () => {
    const text = await readFile(`${SITE}ort/LICENSE.txt`, 'utf8');
    assert.match(text, /Copyright \(c\) Microsoft Corporation\n\nPermission is hereby granted/);
  });

  test('answers as soon as it is opened', async (t) => {
    const times = [];
    for (let i = 0; i < 5; i++) {
      const { page, wrong } = await opened();
      times.push(await page.evaluate(() => {
        const [first] = performance.getEntriesByName('answer');
        return first.startTime + first.duration;
      }));
      assert.equal((await answersOf(page)).length, 25);
      assert.deepEqual(wrong, []);
    }
    t.diagnostic(`load to first answer, median of 5: ${median(times).toFixed(0)} ms`);
  });

  test('answers 25 grids while the point is dragged', async (t) => {
    const { page, wrong } = await opened();
    const before = await answersOf(page);
    await page.waitForTimeout(800); // for the colours of the globe
    const times = await drag(page, 90);
    t.diagnostic(`a step of a drag, 25 grids, median of ${times.length}: ${median(times).toFixed(1)} ms`);
    assert.ok(times.length > 5);
    assert.notDeepEqual(await answersOf(page), before);
    assert.deepEqual(wrong, []);
    await screenshot(page, 'digits');
  });

  test('answers 6 scenes in sentences while the point is dragged', async (t) => {
    const { page, wrong } = await opened({ model: SCENES });
    const before = await settled(page);
    assert.equal(before.length, 6);
    assert.ok(before.every((text) => text.split(' ').length > 3));
    await page.waitForTimeout(3000);
    const times = await drag(page, 90);
    t.diagnostic(`a step of a drag, 6 sentences, median of ${times.length}: ${median(times).toFixed(1)} ms`);
    assert.ok(times.length > 5);
    assert.notDeepEqual(await answersOf(page), before);
    assert.deepEqual(wrong, []);
    await screenshot(page, 'scenes');
  });

  test('the globe obeys the arrow keys, plus and minus, and turns when it is dragged', async () => {
    const { page, wrong } = await opened();
    const numbers = () => page.locator('#sliders output').allTextContents();
    await page.focus('#globe');
    const seen = new Set([String(await numbers())]);
    for (const key of ['ArrowLeft', 'ArrowUp', 'ArrowRight', 'ArrowDown', '+', '-']) {
      const before = String(await numbers());
      for (let i = 0; i < 4; i++) await page.keyboard.press(key);
      assert.notEqual(String(await numbers()), before, key);
      seen.add(String(await numbers()));
    }
    const strength = await page.locator('#strength-value').textContent();
    await page.keyboard.press('PageUp');
    assert.ok(Number(await page.locator('#strength-value').textContent()) > Number(strength));
    for (let i = 0; i < 40; i++) await page.keyboard.press('ArrowRight'); // all around
    const before = String(await numbers());
    const pixels = () => page.locator('#globe').evaluate((canvas) => canvas.toDataURL());
    const picture = await pixels();
    const box = await page.locator('#globe').boundingBox();
    await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.75 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.6 * box.width, box.y + 0.7 * box.height, { steps: 5 });
    await page.mouse.up();
    await page.waitForTimeout(100);
    assert.notEqual(await pixels(), picture);
    assert.equal(String(await numbers()), before); // it turned, and the latent stayed
    assert.deepEqual(wrong, []);
  });

  test('works by keyboard alone', async () => {
    const { page, wrong } = await opened();
    const reached = new Set();
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate(() => {
        const { activeElement: e } = document;
        return e.id || e.className || e.textContent;
      }));
    }
    for (const name of ['globe', 'none', 'draw', 'pin', 'strength', 'file', 'picture', 'answer now']) {
      assert.ok(reached.has(name), `${name} is not reached`);
    }
    const before = await answersOf(page);
    await page.locator('summary').focus();
    await page.keyboard.press('Enter');
    await page.focus('#latent-0');
    for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowRight');
    assert.notDeepEqual(await settled(page), before);
    assert.deepEqual(wrong, []);
  });

  test('without a latent, it answers as predict(X)', async () => {
    const { page, wrong } = await opened();
    const before = await answersOf(page);
    await page.click('#none');
    const central = await settled(page);
    assert.equal(await page.getAttribute('#none', 'aria-pressed'), 'true');
    assert.notDeepEqual(central, before);
    await page.click('#draw');
    await settled(page);
    await page.click('#none');
    assert.deepEqual(await settled(page), central); // whatever latent was there
    assert.deepEqual(wrong, []);
  });

  test('an answer lights its latent up, which can be taken', async () => {
    const { page, wrong } = await opened();
    const others = page.locator('#chosen .others button');
    await others.first().waitFor();
    const texts = await others.allTextContents();
    assert.ok(texts.length >= 2);
    for (const [i, text] of texts.entries()) {
      await others.nth(i).click();
      const found = page.locator('#chosen .found');
      await page.waitForFunction((t) => document.querySelector('#chosen .found b')?.textContent === t, text);
      assert.match(await found.textContent(), /is said at|The nearest to/);
      const isSaid = (await found.textContent()).includes('is said at');
      await found.locator('button').click();
      const answers = await settled(page);
      if (isSaid) assert.equal(answers[0], text);
    }
    await page.locator('.card').nth(3).locator('.answer.now').click();
    await page.waitForFunction(() => document.querySelectorAll('.card')[3].classList.contains('is-chosen'));
    await page.locator('#chosen .found button').waitFor();
    assert.deepEqual(wrong, []);
  });

  test('points of view can be pinned, gone back to and removed', async () => {
    const { page, wrong } = await opened();
    const first = await settled(page);
    await page.click('#pin');
    await page.click('#draw');
    await page.click('#pin');
    await page.click('#none');
    const central = await settled(page);
    await page.click('#pin');
    await page.waitForFunction(() => document.querySelectorAll('#pins li').length === 3);
    const pinned = (i) => page.locator(`.card .answer.pinned:nth-child(${i + 2})`).evaluateAll(
      (buttons) => buttons.map((button) => button.lastElementChild.textContent),
    );
    assert.deepEqual(await pinned(0), first);
    assert.deepEqual(await pinned(2), central);
    await screenshot(page, 'pins');
    await page.locator('#pins .go').first().click();
    assert.deepEqual(await settled(page), first);
    await page.locator('#pins .away').first().click();
    assert.equal(await page.locator('#pins li').count(), 2);
    assert.deepEqual(await pinned(1), central);
    assert.deepEqual(wrong, []);
  });

  test('words show where they looked', async () => {
    const { page, wrong } = await opened({ model: SCENES });
    const words = page.locator('#chosen .word');
    const seen = new Set();
    for (let i = 0; i < await words.count(); i++) {
      await words.nth(i).hover();
      await page.waitForFunction((n) => document.querySelectorAll('#chosen .word')[n].classList.contains('is-on'), i);
      seen.add(await page.locator('#chosen .looked').evaluate((canvas) => canvas.toDataURL()));
    }
    assert.ok(seen.size > 3);
    await page.waitForTimeout(300);
    await screenshot(page, 'words');
    await words.first().focus();
    await page.waitForFunction(() => document.querySelector('#chosen .word').classList.contains('is-on'));
    await page.focus('#globe');
    await page.waitForFunction(() => !document.querySelector('#chosen .looked').classList.contains('is-on'));
    assert.deepEqual(wrong, []);
  });

  test('a caption of one’s own has a latent; words that are not known are named', async () => {
    const { page, wrong } = await opened({ model: SCENES });
    await page.fill('#chosen input', 'a zebra on the left');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('#chosen .found').textContent.includes('“zebra”'));
    await page.fill('#chosen input', await page.locator('#chosen .others button').first().textContent());
    await page.keyboard.press('Enter');
    await page.locator('#chosen .found button').click();
    assert.deepEqual(wrong, []);
  });

  test('named latents are steered to', async () => {
    const { page, wrong } = await opened({ model: SCENES });
    const named = (name) => page.locator('#properties').getByRole('button', { name, exact: true });
    const colours = /red|green|blue|yellow|purple/;
    await named('colours').click();
    const withColours = (await settled(page)).filter((text) => colours.test(text)).length;
    await named('no colours').click();
    const without = (await settled(page)).filter((text) => colours.test(text)).length;
    assert.ok(withColours >= 5 && without <= 1, `${withColours}, ${without}`);
    assert.deepEqual(wrong, []);
  });
});

describe('pictures of one’s own', () => {
  test('are answered when they are chosen or dropped', async () => {
    const { page, wrong } = await opened({ model: SCENES });
    await page.setInputFiles('#file', { name: 'mine.png', mimeType: 'image/png', buffer: png(900, 600) });
    await page.waitForFunction(() => document.querySelectorAll('.card').length === 7);
    await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(300, 400);
      const g = canvas.getContext('2d');
      g.fillStyle = 'rgb(220 220 220)';
      g.fillRect(0, 0, 300, 400);
      g.fillStyle = 'rgb(230 50 50)';
      g.fillRect(40, 160, 80, 80);
      g.fillStyle = 'rgb(60 90 230)';
      g.beginPath();
      g.arc(225, 200, 45, 0, 7);
      g.fill();
      const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 });
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([blob], 'drawn.jpg', { type: 'image/jpeg' }));
      for (const type of ['dragenter', 'dragover', 'drop']) {
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      }
    });
    await page.waitForFunction(() => document.querySelectorAll('.card').length === 8);
    await page.click('#none');
    const [text] = await settled(page);
    assert.match(text, /square|circle/);
    assert.equal(await page.locator('#chosen-title').textContent(), 'drawn.jpg');
    assert.deepEqual(wrong, []);
  });

  for (const [what, name, buffer, words] of [
    ['a text file', 'notes.txt', Buffer.from('no picture'), /is no picture/],
    ['a text file named as a picture', 'notes.jpg', Buffer.from('no picture'), /is no picture/],
    ['half a picture', 'half.png', png(64, 64).subarray(0, 40), /is no picture/],
    ['52 megapixels', 'huge.png', png(8000, 6500), /52 megapixels/],
    ['nothing', 'empty.png', Buffer.alloc(0), /is no picture/],
  ]) {
    test(`${what}: a sentence, and the page goes on`, async () => {
      const { page } = await opened();
      await page.setInputFiles('#file', { name, mimeType: 'image/png', buffer });
      assert.match(await problemOf(page), words);
      assert.equal(await page.locator('.card').count(), 25);
      await page.click('#draw');
      await settled(page);
    });
  }
});

describe('many pictures at once', () => {
  /** Drop so many pictures, of which the first may be something else. */
  const drop = (page, n, first = png(20, 20)) => page.evaluate(({ n, picture, first }) => {
    const dataTransfer = new DataTransfer();
    for (let i = 0; i < n; i++) {
      const bytes = new Uint8Array(i ? picture : first);
      dataTransfer.items.add(new File([bytes], `${i}.png`, { type: 'image/png' }));
    }
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  }, { n, picture: [...png(20, 20)], first: [...first] });

  test('the first 25 are taken, and the page says so', async () => {
    const { page } = await opened();
    await drop(page, 27);
    assert.match(await problemOf(page), /^Of 27 pictures the first 25 were taken: add the others after them\.$/);
    await page.waitForFunction(() => document.querySelectorAll('.card').length === 50);
  });

  test('what is no picture among them is named, too', async () => {
    const { page } = await opened();
    await drop(page, 27, Buffer.from('a text'));
    assert.match(await problemOf(page), /first 25 were taken.* “0\.png” is no picture/);
    await page.waitForFunction(() => document.querySelectorAll('.card').length === 49);
  });
});

describe('what can be wrong', () => {
  const text = async (path) => JSON.parse(await readFile(SITE + path, 'utf8'));
  const manifest = () => text('digits/manifest.json');

  for (const [what, instead, words] of [
    ['a manifest that is no JSON', async () => ({ '/digits/manifest.json': '{' }), /is no JSON/],
    ['another format', async () => ({ '/digits/manifest.json': JSON.stringify({ ...await manifest(), format: 'condcap_sk.export.9' }) }), /format condcap_sk\.export\.9/],
    ['a damaged network', async () => ({ '/digits/generator.onnx': (await readFile(`${SITE}digits/generator.onnx`)).fill(7, 900, 950) }), /is damaged/],
    ['examples of another model', async () => ({ '/digits/examples.json': JSON.stringify({ ...await text('digits/examples.json'), shape: [3, 9, 9] }) }), /examples\.json is damaged/],
    ['no model', async () => ({ '/models.json': JSON.stringify([{ name: 'none', path: 'none/' }]) }), /manifest\.json is not there .404.: export the model/],
    ['no examples', async () => ({ '/digits/examples.json': null }), /examples\.json is not there .404.: write it with .*write_examples.*"examples": false/],
    ['no numbers of examples', async () => ({ '/digits/examples.bin': null }), /examples\.bin is not there .404.: write it with .*write_examples/],
    ['a damaged list', async () => ({ '/models.json': '[3]' }), /models\.json is damaged/],
  ]) {
    test(`${what}: a sentence`, async () => {
      const broken = await serveSite({ instead: await instead() });
      try {
        const { page } = await opened({ url: broken.url, model: null });
        assert.match(await problemOf(page), words);
        assert.equal(await page.locator('#main').isVisible(), false);
        if (await page.locator(SCENES).count()) {
          await page.click(SCENES); // the other model is fine
          await page.waitForFunction(() => document.querySelector('#cards.sentences .now span:last-child')?.textContent);
          assert.equal(await page.locator('#message').textContent(), '');
        }
      } finally {
        await broken.close();
      }
    });
  }

  test('a model that does not answer: a sentence, and afterwards that it is gone', async () => {
    const { page } = await opened();
    await page.evaluate(() => {
      window.wait = setTimeout;
      window.setTimeout = (f, ms) => window.wait(f, ms === 30000 ? 0 : ms);
    });
    await page.click('#draw');
    assert.match(await problemOf(page), /has not answered for 30 seconds: load the page again/);
    await page.waitForTimeout(300);
    await page.evaluate(() => {
      window.setTimeout = window.wait;
      document.querySelector('#message button').click();
    });
    await page.click('#draw');
    assert.match(await problemOf(page), /not loaded any more: load the page again\.$/);
  });

  test('no WebAssembly: a sentence', async () => {
    const { page, wrong } = await opened({ model: null, init: () => delete globalThis.WebAssembly });
    assert.match(await problemOf(page), /WebAssembly/);
    assert.deepEqual(wrong, []);
  });

  test('a server that stopped: the page works offline once it is loaded', async () => {
    const { page, context, wrong } = await opened();
    await context.setOffline(true);
    const before = await answersOf(page);
    await page.click('#draw');
    await page.click('#draw');
    assert.notDeepEqual(await settled(page), before);
    await page.locator('.card .picture').nth(2).click();
    await page.locator('#chosen .others button').first().waitFor();
    assert.deepEqual(wrong, []);
    await page.click(SCENES);
    assert.match(await problemOf(page), /cannot be fetched/);
  });
});

describe('wherever it is shown', () => {
  for (const [name, options] of Object.entries({
    narrow: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
    'narrow and dark': { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true, colorScheme: 'dark' },
    dark: { colorScheme: 'dark' },
    'with reduced motion': { reducedMotion: 'reduce' },
  })) {
    for (const model of [DIGITS, SCENES]) {
      test(`${name}, ${model === DIGITS ? 'digits' : 'scenes'}: nothing is cut off`, async () => {
        const { page, wrong } = await opened({ model, ...options });
        await page.waitForTimeout(model === SCENES ? 4000 : 1000);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${wide} pixels too wide`);
        const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(Number(paper.match(/\d+/)[0]) < 60, options.colorScheme === 'dark');
        await screenshot(page, `${name} ${model === DIGITS ? 'digits' : 'scenes'}`.replaceAll(' ', '-'));
        assert.deepEqual(wrong, []);
      });
    }
  }

  test('touch drags the point', async () => {
    const { page, context, wrong } = await opened({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    const before = await answersOf(page);
    const box = await page.locator('#globe').boundingBox();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.touchscreen.tap(x, y);
    const session = await context.newCDPSession(page);
    const touch = (type, points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points });
    await touch('touchStart', [{ x, y }]);
    for (let i = 1; i <= 20; i++) await touch('touchMove', [{ x: x + 4 * i, y: y + i }]);
    await touch('touchEnd', []);
    assert.notDeepEqual(await settled(page), before);
    assert.equal(await page.evaluate(() => scrollY), 0);
    assert.deepEqual(wrong, []);
  });

  test('a screen reader has names, and hears the answers', async () => {
    const { page } = await opened();
    await page.click('#draw');
    await page.waitForFunction(() => /Latent .* Most common: /.test(document.querySelector('#status').textContent));
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, canvas[tabindex], [role]')]
      .filter((e) => e.checkVisibility() && !e.matches('[role=status], [role=alert]'))
      .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.getAttribute('aria-labelledby')))
      .map((e) => e.outerHTML.slice(0, 80)));
    assert.deepEqual(unnamed, []);
  });
});

describe('of a model of one’s own', () => {
  test('condcap_sk.explorer.serve shows it, under its policy of security', async () => {
    const folder = fileURLToPath(new URL('../models/digits/', import.meta.url));
    const program = 'import sys; from condcap_sk.explorer import serve; '
      + 'serve(sys.argv[1], open_browser=False, ready=lambda address: print(address, flush=True))';
    const python = spawn(process.env.PYTHON ?? 'python3', ['-c', program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => python.on('exit', resolve));
    try {
      const url = await new Promise((resolve, reject) => {
        python.stdout.once('data', (data) => resolve(String(data).trim()));
        ended.then(() => reject(new Error('serve ended')));
      });
      const { page, wrong } = await opened({ url });
      assert.equal((await answersOf(page)).length, 25);
      assert.deepEqual(wrong, []);
    } finally {
      python.kill('SIGINT');
    }
    assert.equal(await ended, 0);
  });
});

describe('the page’s answers are those of predict(X, c)', () => {
  for (const name of ['digits', 'scenes']) {
    test(name, async (t) => {
      const expected = expectedOf(name);
      const { page } = await opened({ model: null });
      const found = await page.evaluate(async ({ name, values, n, latents }) => {
        const worker = new Worker('worker.js', { type: 'module' });
        const call = (method, ...args) => new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => (data.problem ? reject(new Error(data.problem)) : resolve(data.result));
          worker.postMessage({ id: 0, method, args });
        });
        await call('load', new URL(`${name}/`, location.href).href);
        await call('setPictures', Float32Array.from(values), n);
        const under = [];
        for (const latent of latents) under.push((await call('answers', latent)).map(({ text }) => text));
        return { under, central: (await call('answers', null)).map(({ text }) => text) };
      }, { name, values: [...expected.values], n: expected.n, latents: expected.latents });
      let equal = 0;
      found.under.forEach((answers, j) => answers.forEach((answer, i) => {
        equal += answer === String(expected.answers[i][j]);
      }));
      const all = found.under.length * expected.n;
      t.diagnostic(`${equal} of ${all} equal`);
      assert.ok(equal >= 0.999 * all);
      const central = found.central.filter((answer, i) => answer === String(expected.central[i])).length;
      assert.ok(central >= 0.98 * expected.n);
    });
  }
});

test('sentences about problems are sentences', () => {
  assert.throws(() => assertSentence('Error: undefined is not a function.'));
});

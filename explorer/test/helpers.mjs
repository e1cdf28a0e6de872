// What the tests share: a server of a built site, and a browser.

import assert from 'node:assert/strict';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync, crc32 } from 'node:zlib';
import { chromium } from 'playwright-core';

export const SITE = fileURLToPath(new URL('../../build/explorer/explore/', import.meta.url));
export const MODELS = fileURLToPath(new URL('../models/', import.meta.url));
const CHROMIUM = process.env.CHROMIUM
  ?? ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync) ?? '/usr/bin/chromium';
const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css',
  '.svg': 'image/svg+xml', '.json': 'application/json', '.wasm': 'application/wasm',
};

assert.ok(existsSync(join(SITE, 'index.html')), 'Build the page first: make explorer.');
assert.ok(existsSync(CHROMIUM), `There is no ${CHROMIUM}: install Chromium, or set CHROMIUM to its path.`);

/** Serve a folder, as servers of static pages do; `instead` holds contents of some paths, null where there is no file. */
export async function serveSite({ folder = SITE, instead = {} } = {}) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://a/').pathname);
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    if (instead[path] === null) {
      response.writeHead(404).end();
    } else if (path in instead) {
      response.writeHead(200, { 'Content-Type': type }).end(instead[path]);
    } else if (existsSync(file) && statSync(file).isFile()) {
      response.writeHead(200, { 'Content-Type': type });
      createReadStream(file).pipe(response);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

export const launch = () => chromium.launch({ executablePath: CHROMIUM, args: ARGS });

/** A page that notes what must not be: errors, and requests to other hosts. */
export async function openPage(browser, url, { init, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(String(error)));
  context.on('request', (request) => {
    const isOwn = request.url().startsWith(url) || /^(blob|data):/.test(request.url());
    if (!isOwn) wrong.push(`request to ${request.url()}`);
  });
  if (init) await page.addInitScript(init);
  await page.goto(url);
  return { page, context, wrong };
}

export const answered = (page) => page.waitForFunction(
  () => document.querySelector('.answer.now span:last-child')?.textContent, null, { timeout: 20000 },
);

/** Wait for a problem; it is a sentence that says what to do. */
export async function problemOf(page) {
  const message = page.locator('#message span');
  await message.waitFor({ timeout: 20000 });
  const text = await message.textContent();
  assertSentence(text);
  return text;
}

export function assertSentence(text) {
  assert.match(text, /^[\p{Lu}“\p{L}][^]*: [^]+\.$/u, text);
  assert.ok(text.length < 400, text);
  assert.doesNotMatch(text, /undefined|\[object|NaN/);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** The bytes of a grey PNG file of so many pixels, all black. */
export function png(width, height) {
  const chunk = (type, content) => {
    const body = Buffer.concat([Buffer.from(type), content]);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(content.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const pixels = deflateSync(Buffer.alloc((width + 1) * height), { level: 1 });
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0)),
  ]);
}

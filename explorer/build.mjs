// Builds the page into condcap_sk/explorer/page: `npm run build`.

import { build } from 'esbuild';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PAGE = here('../condcap_sk/explorer/page/');
const RUNTIME = ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'];

// The runtime is a file of its own, which the worker loads as it is.
const runtime = {
  name: 'runtime',
  setup: ({ onResolve }) => onResolve(
    { filter: /^onnxruntime-web\/wasm$/ }, () => ({ path: `./ort/${RUNTIME[0]}`, external: true }),
  ),
};

await rm(PAGE, { recursive: true, force: true });
await mkdir(`${PAGE}ort`, { recursive: true });
await build({
  entryPoints: ['src/app.js', 'src/worker.js', 'src/style.css'].map(here),
  outdir: PAGE,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  plugins: [runtime],
});
for (const name of ['index.html', 'icon.svg']) await copyFile(here(`src/${name}`), PAGE + name);
for (const name of RUNTIME) {
  await copyFile(here(`node_modules/onnxruntime-web/dist/${name}`), `${PAGE}ort/${name}`);
}
// Whoever hands the runtime on hands its licence on, which its npm package lacks.
await copyFile(here('onnxruntime-web.LICENSE.txt'), `${PAGE}ort/LICENSE.txt`);
const { version, license } = JSON.parse(await readFile(here('node_modules/onnxruntime-web/package.json'), 'utf8'));
const SOURCES = 'https://github.com/microsoft/onnxruntime';
await writeFile(
  `${PAGE}ort/README.txt`,
  `onnxruntime-web ${version} and, in it, onnxruntime-common, licence ${license} (LICENSE.txt), ${SOURCES}
Notices of what is compiled into it: ${SOURCES}/blob/v${version}/ThirdPartyNotices.txt
`,
);

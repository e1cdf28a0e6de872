// Files of the page's own server.

import { Problem } from './engine/problem.js';

/** The bytes of a file, of which there are `most` at most; `remedy` is for one that is not there. */
export async function fetchFile(url, most, remedy = 'export the model again with est.export(folder)') {
  const name = url.split('/').pop();
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new Problem(`${name} cannot be fetched: see that the server of this page still runs.`);
  }
  if (!response.ok) {
    throw new Problem(`${name} is not there (${response.status}): ${remedy}.`);
  }
  const tooLarge = new Problem(`${name} is larger than it should be: export the model again with est.export(folder).`);
  if (Number(response.headers.get('Content-Length')) > most && !response.headers.get('Content-Encoding')) {
    throw tooLarge;
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > most) throw tooLarge;
  return bytes;
}

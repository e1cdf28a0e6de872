/** Something that whoever reads the page can do something about: its message is a whole sentence. */
export class Problem extends Error {}

/** What to say about an error while a model is loaded or asked. */
export function sentenceOf(error) {
  if (error instanceof Problem) return error.message;
  const text = String(error?.message ?? error).split('\n')[0].slice(0, 160);
  return `The model cannot be run (${text}): export it again with est.export(folder).`;
}

// Captions into tokens, as condcap_sk/answers/tokenizer.py has them.

const INVISIBLE = /[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;
const LETTER = '\\p{L}\\p{N}_';
const INNER = '·՚՛՜՞՟״\u2027\u200c\u200d\u180e';
const NO_CUT = '\\0-\u036f\u1e00-\u1eff\u0370-\u03ff\u1f00-\u1fff'; // Latin and Greek
const HEBREW = '\u0591-\u05ea';
const MORE = `[${LETTER}\\p{M}׳]`;
const WORD = new RegExp(
  `[${LETTER}]${MORE}*`
  + `(?:(?:[${INNER}]+|(?<![${NO_CUT}])['’](?![${NO_CUT}])|(?<=[${HEBREW}])"(?=[${HEBREW}]))${MORE}+)*`
  + '(?:(?<=\\p{Mn})\u200d)?',
  'gu',
);

/** The tokens of a caption, for an analyzer "word" or "char". */
export function split(text, analyzer) {
  if (analyzer === 'char') return [...text.normalize('NFC')];
  const lower = text.replace(INVISIBLE, '').normalize('NFC').toLowerCase().normalize('NFC');
  return lower.match(WORD) ?? [];
}

// The chosen picture: its answer, where each word looked, what else may be said, and under which latent.

import { imageOf } from './cards.js';
import { el, isDark, setText, shown } from './dom.js';

export class Chosen {
  /**
   * @param onFind Called with an answer whose latent is asked for.
   * @param onText Called with a caption that was typed.
   * @param onWord Called with the number of a word; null when it is left.
   */
  constructor(section, { palette, isSentences, hasRegions, onFind, onText, onWord }) {
    Object.assign(this, { section, palette, isSentences, hasRegions, onFind, onText, onWord });
    this.title = el('h2', { id: 'chosen-title' });
    this.frame = el('div', { class: 'frame' });
    this.said = el('p', { class: 'said' });
    this.others = el('div', { class: 'others', role: 'group', 'aria-label': 'What else can be said' });
    this.shares = el('p', { class: 'shares', 'aria-hidden': 'true', hidden: isSentences });
    this.found = el('p', { class: 'found' });
    this.found.setAttribute('role', 'status');
    const hint = isSentences && hasRegions
      ? el('p', { class: 'hint' }, 'Point at a word, or press it, to see where it looked.')
      : null;
    this.hint = hint;
    section.replaceChildren(
      this.title,
      el(
        'div', { class: 'panel' }, this.frame,
        el('div', { class: 'texts' }, el('div', {}, this.said, hint), this.others, isSentences ? this._form() : null, this.found, this.shares),
      ),
    );
  }

  _form() {
    const input = el('input', { type: 'text', placeholder: 'Say it in your words', 'aria-label': 'A caption of this picture', maxLength: 300 });
    const submit = (event) => {
      event.preventDefault();
      if (input.value.trim()) this.onText(input.value);
    };
    return el('form', { onsubmit: submit }, input, el('button', { type: 'submit' }, 'Find its latent'));
  }

  setPicture(picture) {
    setText(this.title, picture.name);
    this.looked = el('canvas', { class: 'looked', 'aria-hidden': 'true' });
    this.frame.replaceChildren(imageOf(picture), this.looked);
    this.others.replaceChildren();
    this.setFound(null);
    this.answer = null;
  }

  setAnswer(answer) {
    if (this.answer?.text === answer.text) return;
    this.answer = answer;
    this.setLooked(null);
    if (!this.isSentences || !this.hasRegions) {
      setText(this.said, answer.text);
      return;
    }
    const words = answer.words.map((word, i) => el(
      'button',
      {
        class: 'word', type: 'button',
        onpointerenter: () => this.onWord(i), onpointerleave: () => this.onWord(null),
        onfocus: () => this.onWord(i), onblur: () => this.onWord(null), onclick: () => this.onWord(i),
        'aria-label': `${word}: show where it looked`,
      },
      word,
    ));
    this.said.replaceChildren(...words.flatMap((word) => [word, ' ']));
  }

  /** Show how many of all pictures have each answer. */
  setShares(answers) {
    const dark = isDark();
    const counts = new Map(this.palette.labels.map((label) => [label, 0]));
    for (const { text } of answers) counts.set(text, counts.get(text) + 1);
    if (this.shares.children.length !== counts.size) {
      this.shares.replaceChildren(...[...counts.keys()].map(() => el('span')));
    }
    [...counts].forEach(([text, n], i) => {
      const part = this.shares.children[i];
      part.style.flexGrow = n;
      part.style.flexBasis = '0';
      part.style.background = this.palette.css(text, dark);
      setText(part, n ? text : '');
    });
  }

  setOthers(answers) {
    const dark = isDark();
    const buttons = answers.map((answer) => {
      const swatch = el('span', { class: 'swatch', 'aria-hidden': 'true' });
      swatch.style.background = this.palette.css(answer.text, dark);
      return el(
        'button', { type: 'button', title: 'Which latent says this?', onclick: () => this.onFind(answer) },
        swatch, answer.text,
      );
    });
    this.others.replaceChildren(el('span', { class: 'hint' }, 'Can also be said:'), ...buttons);
    this.others.hidden = !answers.length;
  }

  /** Show which latent an answer has; null for none. */
  setFound(found, onTake) {
    if (!found) {
      this.found.replaceChildren();
      return;
    }
    if (found.text) {
      this.found.replaceChildren(found.text);
      return;
    }
    const { asked, answer, latent } = found;
    const numbers = [...latent].slice(0, 4).map((value) => shown(value)).join(', ');
    const text = answer.text === asked.text
      ? ['“', el('b', {}, asked.text), `” is said at (${numbers}${latent.length > 4 ? ', …' : ''}).`]
      : ['The nearest to “', el('b', {}, asked.text), `” is (${numbers}${latent.length > 4 ? ', …' : ''}): “${answer.text}”.`];
    this.found.replaceChildren(el('span', {}, ...text), el('button', { type: 'button', onclick: onTake }, 'Take it'));
  }

  /** Show where a word looked: weights of the regions, n × n of them; null for nothing. */
  setLooked(weights, word = null) {
    this.said.querySelectorAll('.word').forEach((button, i) => button.classList.toggle('is-on', i === word));
    this.looked?.classList.toggle('is-on', weights !== null);
    if (!weights) return;
    const n = Math.round(Math.sqrt(weights.length));
    const most = Math.max(...weights);
    const veil = new ImageData(n, n);
    for (let i = 0; i < n * n; i++) {
      veil.data.set([12, 14, 18, 215 * (1 - weights[i] / most) ** 1.2], 4 * i);
    }
    const small = new OffscreenCanvas(n, n);
    small.getContext('2d').putImageData(veil, 0, 0);
    this.looked.width = this.looked.height = 16 * n;
    const g = this.looked.getContext('2d');
    g.imageSmoothingQuality = 'high';
    g.drawImage(small, 0, 0, 16 * n, 16 * n);
  }
}

// The pictures, each with its answers: under the present latent, and under those that are pinned.

import { el, isDark, setText } from './dom.js';

/** What stands for a picture: itself, or its number. */
export function imageOf({ canvas, name }, label = name) {
  if (!canvas) return el('span', { class: 'numbered' }, name.replace(/\D+/g, '') || '?');
  const copy = el('canvas', { width: canvas.width, height: canvas.height, role: 'img', 'aria-label': label });
  copy.getContext('2d').drawImage(canvas, 0, 0);
  return copy;
}

export class Cards {
  /** @param onChoose, onAnswer Called with a row; and with a row, an answer and a latent or null. */
  constructor(list, { palette, isSentences, onChoose, onAnswer }) {
    Object.assign(this, { list, palette, isSentences, onChoose, onAnswer });
    list.className = isSentences ? 'sentences' : 'labels';
    this.cards = [];
  }

  setPictures(pictures) {
    this.cards = pictures.map((picture, row) => {
      const now = this._answer(row, 'now');
      const answers = el('div', { class: 'answers' }, now.button);
      const button = el(
        'button', { class: 'picture', type: 'button', onclick: () => this.onChoose(row), 'aria-label': `Choose ${picture.name}` },
        imageOf(picture),
      );
      return { item: el('li', { class: 'card' }, button, answers), answers, now, pins: [], name: picture.name };
    });
    this.list.replaceChildren(...this.cards.map(({ item }) => item));
  }

  _answer(row, kind, letter = null, colour = null) {
    const text = el('span');
    const swatch = letter
      ? el('span', { class: 'letter', 'aria-hidden': 'true' }, letter)
      : el('span', { class: 'swatch', 'aria-hidden': 'true', hidden: this.isSentences });
    if (letter) swatch.style.background = colour;
    const entry = { text, swatch, answer: null };
    entry.button = el(
      'button',
      { class: `answer ${kind}`, type: 'button', title: 'Which latent says this?', onclick: () => entry.answer && this.onAnswer(row, entry.answer) },
      swatch, text,
    );
    return entry;
  }

  choose(row) {
    this.cards.forEach(({ item }, i) => item.classList.toggle('is-chosen', i === row));
  }

  setAnswers(answers) {
    const dark = isDark();
    answers.forEach((answer, row) => {
      const { now, name } = this.cards[row];
      const isNew = now.answer?.text !== answer.text;
      now.answer = answer;
      if (!isNew) return;
      setText(now.text, answer.text);
      now.button.setAttribute('aria-label', `${name}: ${answer.text}. Which latent says this?`);
      if (!this.isSentences) now.swatch.style.background = this.palette.css(answer.text, dark);
    });
  }

  /** Show the answers of pinned points of view under the present ones. */
  setPins(pins) {
    this.cards.forEach((card, row) => {
      for (const { button } of card.pins) button.remove();
      card.pins = pins.map(({ letter, colour, answers }) => {
        const entry = this._answer(row, 'pinned', letter, colour);
        entry.answer = answers[row] ?? null;
        setText(entry.text, answers[row]?.text ?? '');
        entry.button.setAttribute('aria-label', `${card.name}, pin ${letter}: ${answers[row]?.text}`);
        card.answers.append(entry.button);
        return entry;
      });
    });
  }

  repaint() {
    for (const { now } of this.cards) {
      if (now.answer && !this.isSentences) now.swatch.style.background = this.palette.css(now.answer.text, isDark());
    }
  }
}

// Sliders, categories, named points and pins: all that sets the latent but the globe.

import { byId, el, setText, shown } from './dom.js';

const WIDEST = 3.5;
export const PIN_COLOURS = ['#7a5ea8', '#2f7d5b', '#b3533f', '#3b6fb0', '#8a6d1f', '#a2467a'];
const ROUND = 0.05;

export class Controls {
  /** @param onChange Called with a latent; `onNone`, `onDraw`, `onPin` without. */
  constructor({ nGaussian, nCategories }, points, { onChange, onNone, onDraw, onPin, onGo, onUnpin }) {
    Object.assign(this, { nGaussian, nCategories, onChange, onGo, onUnpin });
    this.nOneHot = nCategories.reduce((a, b) => a + b, 0);
    this.hasGlobe = nGaussian === 3;
    byId('globe-figure').hidden = byId('strength-row').hidden = !this.hasGlobe;
    byId('numbers').open = !this.hasGlobe;
    byId('numbers').hidden = !nGaussian;
    byId('none').onclick = onNone;
    byId('draw').onclick = onDraw;
    byId('pin').onclick = onPin;
    this.strength = byId('strength');
    this.strength.oninput = () => this._strengthen(Number(this.strength.value));
    this.sliders = Array.from({ length: nGaussian }, (_, i) => this._slider(i));
    byId('sliders').replaceChildren(...this.sliders.map(({ row }) => row));
    this.categories = nCategories.map((n, which) => this._category(n, which));
    byId('categories').replaceChildren(...this.categories.map(({ field }) => field));
    this._points(points);
  }

  _slider(i) {
    const input = el('input', { type: 'range', min: String(-WIDEST), max: String(WIDEST), step: String(ROUND), id: `latent-${i}` });
    const output = el('output', { for: `latent-${i}` });
    input.oninput = () => {
      const latent = [...this.latent];
      latent[this.nOneHot + i] = Number(input.value);
      this.onChange(latent);
    };
    const row = el('div', { class: 'slider' }, el('label', { for: `latent-${i}` }, `Latent ${i + 1}`), input, output);
    return { row, input, output };
  }

  _category(n, which) {
    const first = this.nCategories.slice(0, which).reduce((a, b) => a + b, 0);
    const buttons = Array.from({ length: n }, (_, k) => el(
      'button',
      {
        type: 'button',
        'aria-pressed': 'false',
        onclick: () => {
          const latent = [...this.latent];
          for (let j = 0; j < n; j++) latent[first + j] = j === k ? 1 : 0;
          this.onChange(latent);
        },
      },
      String(k),
    ));
    const name = this.nCategories.length > 1 ? `Category ${which + 1}` : 'Category';
    return { field: el('fieldset', {}, el('legend', {}, name), ...buttons), buttons, first };
  }

  _points(points) {
    const buttons = points.map(({ name, latent }) => el(
      'button', { type: 'button', onclick: () => this.onChange([...latent]) }, name,
    ));
    byId('properties').replaceChildren(
      ...(buttons.length ? [el('fieldset', {}, el('legend', {}, 'Steer by'), ...buttons)] : []),
    );
  }

  _strengthen(norm) {
    const latent = [...this.latent];
    const before = Math.hypot(...latent.slice(this.nOneHot));
    for (let i = this.nOneHot; i < latent.length; i++) {
      const direction = before > 1e-6 ? latent[i] / before : this.direction[i - this.nOneHot];
      latent[i] = direction * norm;
    }
    this.onChange(latent);
  }

  /** Make the latent longer or shorter by a step. */
  strengthen(sign) {
    const most = Number(this.strength.max);
    this._strengthen(Math.min(most, Math.max(0, Number(this.strength.value) + 0.1 * sign)));
  }

  /** Show a latent, and whether it is in force. */
  set(latent, isOn) {
    this.latent = latent;
    byId('none').setAttribute('aria-pressed', String(!isOn));
    this.sliders.forEach(({ input, output }, i) => {
      const value = latent[this.nOneHot + i];
      input.value = String(value);
      setText(output, shown(value));
    });
    for (const { buttons, first } of this.categories) {
      buttons.forEach((button, k) => button.setAttribute('aria-pressed', String(isOn && latent[first + k] === 1)));
    }
    if (!this.hasGlobe) return;
    const gaussian = latent.slice(this.nOneHot);
    const norm = Math.hypot(...gaussian);
    if (norm > 1e-6) this.direction = gaussian.map((value) => value / norm);
    this.strength.value = String(norm);
    setText(byId('strength-value'), shown(norm));
  }

  setPins(pins) {
    byId('pins').replaceChildren(...pins.map((pin, i) => {
      const letter = el('span', { class: 'letter', 'aria-hidden': 'true' }, pin.letter);
      letter.style.background = pin.colour;
      return el(
        'li', {},
        el('button', { class: 'go', type: 'button', title: 'Go there', onclick: () => this.onGo(pin) }, letter, pin.text),
        el('button', { class: 'away', type: 'button', 'aria-label': `Remove pin ${pin.letter}`, onclick: () => this.onUnpin(i) }, '×'),
      );
    }));
    byId('pin').disabled = pins.length >= PIN_COLOURS.length;
  }
}

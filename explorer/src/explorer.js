// One model: its pictures, a latent, and the answers that change with it.

import { Cards } from './cards.js';
import { Chosen } from './chosen.js';
import { latest } from './client.js';
import { Palette } from './colours.js';
import { Controls, PIN_COLOURS } from './controls.js';
import { byId, setText, shown } from './dom.js';
import { Problem } from './engine/problem.js';
import { RandomState } from './engine/random.js';
import { examplesOf } from './examples.js';
import { Globe, polar } from './globe.js';
import { LatentMap } from './map.js';
import { ofFile, scaleOf } from './pictures.js';

const FIRST = [1.3, -0.6, 0.9]; // the latent that a globe begins with: of a common length, in front
const MOST_ADDED = 25; // pictures at a time
const QUIET = 500; // milliseconds without a change after which the answers are read out

export class Explorer {
  constructor(engine, about, tell) {
    Object.assign(this, { engine, about, tell });
    this.nOneHot = about.nCategories.reduce((a, b) => a + b, 0);
    this.isSentences = about.kind === 'sentences';
    this.palette = new Palette(about.labels);
    this.pictures = [];
    this.answers = [];
    this.pins = [];
    this.row = 0;
    this.isOn = true;
    this.listening = new AbortController();
    this.rng = new RandomState(Math.floor(Math.random() * 2 ** 32));
    this.latent = this._first();
    this.answer = latest((since) => this._answer(since));
    this.look = latest((word) => this._look(word));
  }

  _first() {
    if (this.about.nGaussian === 3) return [...this._categories(() => 0), ...FIRST];
    const rng = new RandomState(0);
    return [...this._categories(() => 0), ...Array.from({ length: this.about.nGaussian }, () => rng.normal())];
  }

  _categories(choose) {
    return this.about.nCategories.flatMap((n) => {
      const chosen = choose(n);
      return Array.from({ length: n }, (_, k) => (k === chosen ? 1 : 0));
    });
  }

  /** Show the model; `examples` are what `fetchExamples` found, or null. */
  async begin(examples) {
    const { pictures, points } = examples
      ? examplesOf(examples, this.about)
      : { pictures: [], points: [] };
    this._build(points);
    await this._setPictures(pictures);
    if (pictures.length) return;
    if (!this.about.isOfPixels) {
      throw new Problem(
        'This model takes feature vectors, not pictures, and has none with it: '
        + 'write some beside it with condcap_sk.explorer.write_examples(folder, X).',
      );
    }
    setText(byId('status'), 'Add a picture to begin.');
  }

  _build(points) {
    this.controls = new Controls(this.about, points, {
      onChange: (latent) => this.setLatent(latent),
      onNone: () => this.setLatent(this.latent, { isOn: !this.isOn }),
      onDraw: () => this.setLatent(this._drawn(), { isFaced: true }),
      onPin: () => this._pin(),
      onGo: ({ latent, isOn }) => this.setLatent(latent, { isOn, isFaced: true }),
      onUnpin: (i) => this._setPins(this.pins.filter((_, j) => j !== i)),
    });
    this.cards = new Cards(byId('cards'), {
      palette: this.palette,
      isSentences: this.isSentences,
      onChoose: (row) => this.choose(row),
      onAnswer: (row, answer) => this.choose(row).then(() => row === this.row && this._find(answer)),
    });
    this.chosen = new Chosen(byId('chosen'), {
      palette: this.palette,
      isSentences: this.isSentences,
      hasRegions: this.about.nRegions > 0,
      onFind: (answer) => this._find(answer),
      onText: (text) => this._read(text),
      onWord: (word) => this.look(word),
    });
    byId('choose').hidden = byId('drop-hint').hidden = byId('file').disabled = !this.about.isOfPixels;
    if (this.controls.hasGlobe) this._buildGlobe();
    this._setPins([]);
    this._showLatent();
  }

  _buildGlobe() {
    // A canvas of its own, as an earlier model's globe listens to the old one.
    const canvas = byId('globe').cloneNode();
    byId('globe').replaceWith(canvas);
    this.globe = new Globe(canvas, {
      onMove: (direction) => {
        const { norm } = polar(this._gaussian(), direction);
        const length = norm > 0.05 ? norm : 1;
        this.setLatent([...this.latent.slice(0, this.nOneHot), ...direction.map((x) => x * length)]);
      },
      onStrength: (sign) => this.controls.strengthen(sign),
    });
    this.map = new LatentMap(this.engine, this.about, this.palette, (...map) => this.globe.setMap(...map));
  }

  close() {
    this.isClosed = true;
    this.map?.stop();
    clearTimeout(this.reading);
    for (const id of ['cards', 'chosen', 'pins', 'categories', 'properties', 'sliders']) byId(id).replaceChildren();
  }

  repaint() {
    this.cards?.repaint();
    this.globe?.redraw();
    this._askMap(true);
    this.chosen?.setOthers(this.others ?? []);
  }

  _gaussian() {
    return this.latent.slice(this.nOneHot);
  }

  _drawn() {
    const categories = this._categories((n) => Math.floor(this.rng.uniform() * n));
    return [...categories, ...Array.from({ length: this.about.nGaussian }, () => this.rng.normal())];
  }

  /** Set the latent that all pictures are answered under. */
  setLatent(latent, { isOn = true, isFaced = false } = {}) {
    this.latent = [...latent];
    this.isOn = isOn;
    this._showLatent(isFaced);
    this._askMap();
    return this.answer(performance.now());
  }

  _showLatent(isFaced = false) {
    this.controls.set(this.latent, this.isOn);
    if (!this.globe) return;
    const { direction, norm } = polar(this._gaussian(), this.direction ?? [0, 0, 1]);
    this.direction = direction;
    if (isFaced) this.globe.face(direction);
    this.globe.setPoint(direction, Math.min(1, norm / 3), this.isOn);
  }

  _askMap(isAnew = false) {
    if (!this.map || !this.pictures.length) return;
    const { norm } = polar(this._gaussian(), [0, 0, 1]);
    this.map.ask(this.row, this.latent.slice(0, this.nOneHot), norm, isAnew);
  }

  async _setPictures(pictures) {
    this.pictures = pictures;
    const size = this.about.shape.reduce((a, b) => a * b, 1);
    const inputs = new Float32Array(pictures.length * size);
    pictures.forEach(({ input }, i) => inputs.set(input, i * size));
    this.cards.setPictures(pictures);
    byId('chosen').hidden = !pictures.length;
    if (!pictures.length) return;
    await this.engine.call('setPictures', inputs, pictures.length);
    for (const pin of this.pins) pin.answers = await this._answersTo(pin);
    this.cards.setPins(this.pins);
    await this.answer(performance.now());
    await this.choose(0);
  }

  _answersTo({ latent, isOn }) {
    return this.engine.call('answers', isOn ? latent : null);
  }

  async _answer(since) {
    if (!this.pictures.length || this.isClosed) return;
    let answers;
    try {
      answers = await this.engine.call('answers', this.isOn ? this.latent : null);
    } catch (error) {
      this.tell(error);
      return;
    }
    if (this.isClosed || answers.length !== this.pictures.length) return;
    this.answers = answers;
    this.cards.setAnswers(answers);
    if (this.answers[this.row]) this.chosen.setAnswer(answers[this.row]);
    if (!this.isSentences) this.chosen.setShares(answers);
    // For whoever measures the page, as its tests do.
    performance.measure('answer', { start: since });
    if (performance.getEntriesByName('answer').length > 1000) performance.clearMeasures('answer');
    clearTimeout(this.reading);
    this.reading = setTimeout(() => this._readOut(), QUIET);
  }

  _readOut() {
    const counts = new Map();
    for (const { text } of this.answers) counts.set(text, (counts.get(text) ?? 0) + 1);
    const common = [...counts].sort(([, a], [, b]) => b - a).slice(0, 3).map(([text, n]) => `${text}, ${n} times`);
    const latent = this.isOn ? `Latent ${this.latent.slice(0, 6).map((x) => shown(x, 1)).join(', ')}` : 'No latent';
    const own = this.answers[this.row] ? `${this.pictures[this.row].name}: ${this.answers[this.row].text}.` : '';
    setText(byId('status'), `${latent}. ${own} Most common: ${common.join('; ')}.`);
  }

  /** Show a picture large, and what else may be said about it. */
  async choose(row) {
    if (!this.pictures[row]) return;
    this.row = row;
    this.cards.choose(row);
    this.chosen.setPicture(this.pictures[row]);
    if (this.answers[row]) this.chosen.setAnswer(this.answers[row]);
    this._setLight(null);
    this._askMap();
    this.others = [];
    const others = await this.engine.call('alternatives', row).catch(() => []);
    if (row !== this.row || this.isClosed) return;
    this.others = others;
    this.chosen.setOthers(others);
  }

  /** Find the latent that says an answer about the chosen picture. */
  async _find(asked) {
    const { row } = this;
    const found = await this.engine.call('infer', row, asked.ids);
    if (row !== this.row || this.isClosed) return;
    const latent = [...found.latent];
    this._setLight(latent);
    this.chosen.setFound({ ...found, asked, latent }, () => {
      this._setLight(null);
      this.chosen.setFound(null);
      this.setLatent(latent, { isFaced: true });
    });
  }

  async _read(text) {
    const read = await this.engine.call('read', text);
    if (!read.unknown) {
      await this._find(read);
      return;
    }
    const words = read.unknown.slice(0, 5).map((word) => `“${word}”`).join(', ');
    this.chosen.setFound({ text: words ? `The model has never read ${words}: use other words.` : 'Write a word or more.' });
  }

  _setLight(latent) {
    this.globe?.setLight(latent && latent.slice(this.nOneHot));
  }

  async _look(word) {
    const { row, answers } = this;
    const answer = answers[row];
    if (word === null || !answer) {
      this.chosen.setLooked(null);
      return;
    }
    const weights = await this.engine.call('attention', row, this.isOn ? this.latent : null, answer.ids);
    if (row === this.row && answer === this.answers[row] && weights?.[word]) this.chosen.setLooked(weights[word], word);
  }

  async _pin() {
    const used = new Set(this.pins.map(({ letter }) => letter));
    const place = PIN_COLOURS.findIndex((_, i) => !used.has(String.fromCharCode(65 + i)));
    if (place < 0) return;
    const { latent, isOn } = this;
    const numbers = latent.slice(0, 4).map((value) => shown(value, 1)).join(', ');
    const pin = {
      letter: String.fromCharCode(65 + place),
      colour: PIN_COLOURS[place],
      latent: [...latent],
      isOn,
      text: isOn ? `${numbers}${latent.length > 4 ? ', …' : ''}` : 'no latent',
      answers: [],
    };
    pin.answers = await this._answersTo(pin);
    this._setPins([...this.pins, pin]);
  }

  _setPins(pins) {
    this.pins = pins;
    this.controls.setPins(pins);
    this.cards.setPins(pins);
    this.globe?.setMarks(pins.filter(({ isOn }) => isOn).map(({ latent, letter, colour }) => ({
      direction: latent.slice(this.nOneHot), letter, colour,
    })));
  }

  /** Add pictures of the reader's own, in front of the others. */
  async add(files) {
    this.tell(null);
    if (!this.about.isOfPixels) {
      this.tell(new Problem('This model takes feature vectors, not pictures: write examples of them with condcap_sk.explorer.write_examples.'));
      return;
    }
    const added = [];
    const problems = files.length > MOST_ADDED
      ? [new Problem(`Of ${files.length} pictures the first ${MOST_ADDED} were taken: add the others after them.`)]
      : [];
    for (const file of files.slice(0, MOST_ADDED)) {
      try {
        const input = await ofFile(file, this.about.shape, scaleOf(this.about.range));
        added.push({ ...input, name: file.name });
      } catch (error) {
        problems.push(error);
      }
    }
    const [first, second] = problems;
    this.tell(second ? new Problem(`${first.message} ${second.message}`) : first);
    if (added.length) await this._setPictures([...added, ...this.pictures]);
  }
}

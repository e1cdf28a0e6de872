// Colours of answers: equally light, so that none calls louder than another.

/** sRGB bytes of an OKLCH colour (B. Ottosson, "A perceptual color space for image processing"). */
export function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((value) => {
    const v = Math.min(1, Math.max(0, value));
    return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
  });
}

const GOLDEN_ANGLE = 137.508;

/** Gives each answer its colour, always the same one. */
export class Palette {
  constructor(labels = []) {
    this.labels = labels;
    this.places = new Map();
    this.n = labels.length;
    labels.forEach((label) => this._place(label));
  }

  _place(answer) {
    if (!this.places.has(answer)) this.places.set(answer, this.places.size);
    return this.places.get(answer);
  }

  rgb(answer, isDark) {
    const place = this._place(answer);
    // As far apart as they can be: of few labels in order, of sentences as they come.
    const hue = this.n && this.n <= 16 ? (360 * place) / this.n + 20 : 20 + place * GOLDEN_ANGLE;
    const light = (isDark ? 0.62 : 0.8) + (place % 2 ? 0.035 : -0.035);
    return oklch(light, isDark ? 0.095 : 0.085, hue);
  }

  css(answer, isDark) {
    return `rgb(${this.rgb(answer, isDark).join(' ')})`;
  }
}

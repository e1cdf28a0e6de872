// The globe: the direction of three latents, which a point on it is dragged to.

import {
  bordered, colourAt, length, product, rotation, scaled, softened, turned, turnedBack, unit,
} from './sphere.js';

const BUFFER = 240; // pixels across which the ball is painted, and then enlarged
const NEAR = 26; // CSS pixels from the point, within which it is grasped
const STEP = Math.PI / 36; // by one press of an arrow key
const RIM = 0.985; // how near to the edge of the ball the pointer has to be for the globe to turn
const EDGE = 0.86; // radius of the ball in the canvas
const START = product(rotation([1, 0, 0], 0.42), rotation([0, 1, 0], -1.35));

export class Globe {
  /**
   * @param canvas Gets pointer and keyboard events.
   * @param onMove Called with the direction that the point is moved to.
   * @param onStrength Called with −1 or 1 for the keys that make the latent shorter or longer.
   */
  constructor(canvas, { onMove, onStrength }) {
    this.canvas = canvas;
    this.onMove = onMove;
    this.onStrength = onStrength;
    this.view = START;
    this.point = [0, 0, 1];
    this.strength = 0; // 0 to 1: how long the latent is
    this.isOn = true; // whether a latent is given at all
    this.marks = [];
    this.light = null; // the inferred latent
    this.map = null;
    this.names = [];
    this.buffer = new OffscreenCanvas(BUFFER, BUFFER);
    this.pixels = new ImageData(BUFFER, BUFFER);
    this.isPainted = false;
    this.pending = 0;
    this._listen();
  }

  /** Show the latent; turn it to the front if it is out of sight. */
  setPoint(direction, strength, isOn) {
    Object.assign(this, { point: direction, strength, isOn });
    this.draw();
  }

  /** Colours of n × n directions, see `directions`, and names at some directions. */
  setMap(colours, n, names) {
    this.map = { border: bordered(softened(bordered(colours, n), n), n), n };
    this.names = names;
    this.isPainted = false;
    this.draw();
  }

  setMarks(marks) {
    this.marks = marks;
    this.draw();
  }

  setLight(direction) {
    this.light = direction;
    if (direction) this.face(direction);
    this.draw();
  }

  /** Turn so that a direction is in front, unless it is in plain sight. */
  face(direction) {
    const [x, y, z] = turned(this.view, unit(direction));
    if (z > 0.25) return;
    const axis = length([y, -x, 0]) > 1e-6 ? [y, -x, 0] : [0, 1, 0];
    this._turn(axis, Math.acos(Math.max(-1, Math.min(1, z))) - 0.6);
  }

  redraw() {
    this.isPainted = false;
    this.draw();
  }

  draw() {
    if (!this.pending) this.pending = requestAnimationFrame(() => this._draw());
  }

  _turn(axis, angle) {
    this.view = product(rotation(axis, angle), this.view);
    this.isPainted = false;
    this.draw();
  }

  _listen() {
    const { canvas } = this;
    canvas.addEventListener('pointerdown', (event) => this._begin(event));
    canvas.addEventListener('pointermove', (event) => this._go(event));
    for (const name of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(name, (event) => this._end(event));
    }
    canvas.addEventListener('keydown', (event) => this._key(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** Where an event is, in radii of the ball from its middle; y points up. */
  _place(event) {
    const box = this.canvas.getBoundingClientRect();
    const radius = (EDGE * Math.min(box.width, box.height)) / 2;
    return [
      (event.clientX - box.left - box.width / 2) / radius,
      (box.top + box.height / 2 - event.clientY) / radius,
      radius,
    ];
  }

  _begin(event) {
    if (event.button) return;
    const [x, y, radius] = this._place(event);
    const [px, py, pz] = turned(this.view, this.point);
    const isNear = Math.hypot(x - px, y - py) * radius < NEAR && pz > -0.2;
    this.grasp = { isPoint: isNear && this.isOn, x, y, moved: 0 };
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.classList.add('grasping');
    this.canvas.focus({ preventScroll: true });
    event.preventDefault();
  }

  _go(event) {
    const [x, y, radius] = this._place(event);
    if (!this.grasp) {
      const [px, py, pz] = turned(this.view, this.point);
      const isNear = Math.hypot(x - px, y - py) * radius < NEAR && pz > -0.2;
      this.canvas.style.cursor = isNear || Math.hypot(x, y) > 1.1 ? '' : 'crosshair';
      return;
    }
    const { grasp } = this;
    if (grasp.isPoint) {
      this._moveTo(x, y);
    } else {
      const [dx, dy] = [x - grasp.x, y - grasp.y];
      grasp.moved += Math.hypot(dx, dy);
      if (grasp.moved * radius > 4) this._turn([-dy, dx, 0], Math.hypot(dx, dy));
    }
    Object.assign(grasp, { x, y });
  }

  _end(event) {
    const { grasp } = this;
    this.grasp = null;
    this.canvas.classList.remove('grasping');
    if (!grasp || grasp.isPoint || event.type === 'pointercancel') return;
    const [x, y, radius] = this._place(event);
    if (grasp.moved * radius <= 4 && Math.hypot(x, y) < 1.05) this._moveTo(x, y);
  }

  _moveTo(x, y) {
    const distance = Math.hypot(x, y);
    if (distance > RIM) {
      // Over the edge: the globe turns, and the point comes with it.
      if (this.grasp?.isPoint) this._turn([y, -x, 0], Math.min(0.12, 0.5 * (distance - RIM)));
      [x, y] = [(x / distance) * RIM, (y / distance) * RIM];
    }
    const z = Math.sqrt(Math.max(0, 1 - x * x - y * y));
    this._move(turnedBack(this.view, [x, y, z]));
  }

  _move(direction) {
    this.point = unit(direction);
    this.onMove(this.point);
    this.draw();
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const axis = {
      ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0], ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0],
    }[event.key];
    const strength = { '+': 1, '=': 1, PageUp: 1, '-': -1, PageDown: -1 }[event.key];
    if (!axis && !strength) return;
    event.preventDefault();
    if (strength) {
      this.onStrength(strength);
      return;
    }
    this.face(this.point);
    const moved = turned(rotation(axis, STEP), turned(this.view, this.point));
    this._move(turnedBack(this.view, moved));
    this.face(this.point);
  }

  _draw() {
    this.pending = 0;
    const { canvas } = this;
    const scale = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const style = getComputedStyle(canvas);
    const ink = style.getPropertyValue('--ink').trim();
    const paper = style.getPropertyValue('--paper').trim();
    const g = canvas.getContext('2d');
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    g.translate(width / 2, height / 2);
    const radius = (EDGE * Math.min(width, height)) / 2;
    if (!this.isPainted) this._paint(style);
    g.globalAlpha = this.isOn ? 1 : 0.35;
    g.imageSmoothingQuality = 'high';
    g.drawImage(this.buffer, -radius - 1, -radius - 1, 2 * radius + 2, 2 * radius + 2);
    this._lines(g, radius, ink);
    const things = [
      ...this.marks.map((mark) => ({ ...mark, draw: () => this._mark(g, radius, mark, paper) })),
      ...(this.light ? [{ direction: this.light, draw: () => this._light(g, radius, style) }] : []),
      ...(this.isOn ? [{ direction: this.point, draw: () => this._point(g, radius, ink, paper) }] : []),
    ];
    for (const { draw } of things.sort((a, b) => this._depth(a) - this._depth(b))) draw();
    g.globalAlpha = 1;
  }

  _depth({ direction }) {
    return turned(this.view, unit(direction))[2];
  }

  _at(direction, radius) {
    const [x, y, z] = turned(this.view, unit(direction));
    return [x * radius, -y * radius, z];
  }

  /** Paint the ball into the buffer. */
  _paint(style) {
    const { data } = this.pixels;
    const middle = BUFFER / 2;
    const [a, b, c] = this.view;
    const plain = style.getPropertyValue('--ball').trim().split(' ').map(Number);
    const colour = [...plain];
    for (let row = 0, at = 0; row < BUFFER; row++) {
      for (let column = 0; column < BUFFER; column++, at += 4) {
        const x = (column + 0.5 - middle) / (middle - 1);
        const y = (middle - row - 0.5) / (middle - 1);
        const square = x * x + y * y;
        const edge = (1 - Math.sqrt(square)) * (middle - 1) + 0.5;
        if (edge <= 0) {
          data[at + 3] = 0;
          continue;
        }
        const z = Math.sqrt(Math.max(0, 1 - square));
        if (this.map) {
          colourAt(
            this.map.border, this.map.n,
            a[0] * x + b[0] * y + c[0] * z, a[1] * x + b[1] * y + c[1] * z,
            a[2] * x + b[2] * y + c[2] * z, colour,
          );
        }
        // Light from the upper left, and a soft edge.
        const shade = 0.8 + 0.2 * Math.max(0, 0.45 * y - 0.4 * x + 0.8 * z) - 0.1 * (1 - z) ** 3;
        const gleam = 26 * Math.max(0, 0.42 * y - 0.42 * x + 0.8 * z) ** 14;
        data[at] = colour[0] * shade + gleam;
        data[at + 1] = colour[1] * shade + gleam;
        data[at + 2] = colour[2] * shade + gleam;
        data[at + 3] = 255 * Math.min(1, edge);
      }
    }
    this.buffer.getContext('2d').putImageData(this.pixels, 0, 0);
    this.isPainted = true;
  }

  /** The three circles of the axes, and which latent each axis is. */
  _lines(g, radius, ink) {
    g.strokeStyle = ink;
    g.fillStyle = ink;
    g.lineWidth = 1;
    for (let axis = 0; axis < 3; axis++) {
      g.globalAlpha = 0.16;
      g.beginPath();
      let isDown = false;
      for (let step = 0; step <= 96; step++) {
        const angle = (step / 96) * 2 * Math.PI;
        const direction = [0, 0, 0];
        direction[(axis + 1) % 3] = Math.cos(angle);
        direction[(axis + 2) % 3] = Math.sin(angle);
        const [x, y, z] = this._at(direction, radius);
        if (z < 0) isDown = false;
        else {
          if (isDown) g.lineTo(x, y);
          else g.moveTo(x, y);
          isDown = true;
        }
      }
      g.stroke();
    }
    g.font = '600 11px system-ui, sans-serif';
    g.textAlign = 'center';
    g.textBaseline = 'middle';
    for (let axis = 0; axis < 3; axis++) {
      for (const sign of [1, -1]) {
        const direction = [0, 0, 0];
        direction[axis] = sign;
        const [x, y, z] = this._at(direction, radius);
        if (z < -0.15) continue;
        g.globalAlpha = Math.min(0.55, 0.25 + z);
        g.fillText(`${sign < 0 ? '−' : '+'}${axis + 1}`, x * 1.09, y * 1.09);
      }
    }
    g.font = '650 22px system-ui, sans-serif';
    for (const { direction, text } of this.names) {
      const [x, y, z] = this._at(direction, radius);
      if (z < 0.2) continue;
      g.globalAlpha = 0.6 * Math.min(1, 2 * (z - 0.2));
      g.fillText(text, x, y);
    }
    g.globalAlpha = 1;
  }

  _mark(g, radius, { direction, letter, colour }, paper) {
    const [x, y, z] = this._at(direction, radius);
    g.globalAlpha = z < 0 ? 0.3 : 1;
    g.beginPath();
    g.arc(x, y, 9, 0, 2 * Math.PI);
    g.fillStyle = colour;
    g.fill();
    g.lineWidth = 2;
    g.strokeStyle = paper;
    g.stroke();
    g.fillStyle = '#fff';
    g.font = '700 10px system-ui, sans-serif';
    g.fillText(letter, x, y + 0.5);
    g.globalAlpha = 1;
  }

  _light(g, radius, style) {
    const [x, y, z] = this._at(this.light, radius);
    const glow = style.getPropertyValue('--light').trim();
    g.globalAlpha = z < 0 ? 0.35 : 1;
    const halo = g.createRadialGradient(x, y, 2, x, y, 30);
    halo.addColorStop(0, glow);
    halo.addColorStop(1, 'transparent');
    g.fillStyle = halo;
    g.beginPath();
    g.arc(x, y, 30, 0, 2 * Math.PI);
    g.fill();
    g.beginPath();
    g.arc(x, y, 7, 0, 2 * Math.PI);
    g.strokeStyle = glow;
    g.lineWidth = 3;
    g.stroke();
    g.globalAlpha = 1;
  }

  _point(g, radius, ink, paper) {
    const [x, y, z] = this._at(this.point, radius);
    g.globalAlpha = z < 0 ? 0.4 : 1;
    const size = 6 + 5 * this.strength;
    g.beginPath();
    g.arc(x, y, size + 7, 0, 2 * Math.PI);
    g.globalAlpha *= 0.16;
    g.fillStyle = ink;
    g.fill();
    g.globalAlpha = z < 0 ? 0.4 : 1;
    g.beginPath();
    g.arc(x, y, size, 0, 2 * Math.PI);
    g.fillStyle = ink;
    g.fill();
    g.lineWidth = 2.5;
    g.strokeStyle = paper;
    g.stroke();
    g.globalAlpha = 1;
  }
}

/** The direction and length of three latents; of the origin, any direction. */
export function polar(latent, before) {
  const norm = length(latent);
  return { direction: norm > 1e-6 ? scaled(latent, 1 / norm) : before, norm };
}


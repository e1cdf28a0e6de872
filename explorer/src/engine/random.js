// NumPy's RandomState: the same numbers from the same seed, so that the same latents are proposed.

const N = 624;
const M = 397;

export class RandomState {
  constructor(seed) {
    this.state = new Uint32Array(N);
    this.state[0] = seed >>> 0;
    for (let i = 1; i < N; i++) {
      const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = (Math.imul(1812433253, before) + i) >>> 0;
    }
    this.position = N;
    this.waiting = null; // normals come in pairs
  }

  _twist() {
    const s = this.state;
    for (let i = 0; i < N; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % N] & 0x7fffffff);
      s[i] = s[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.position = 0;
  }

  _bits() {
    if (this.position === N) this._twist();
    let y = this.state[this.position++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A double in [0, 1). */
  uniform() {
    const a = this._bits() >>> 5;
    const b = this._bits() >>> 6;
    return (a * 67108864 + b) / 9007199254740992;
  }

  normal() {
    if (this.waiting !== null) {
      const found = this.waiting;
      this.waiting = null;
      return found;
    }
    let x, y, square;
    do {
      x = 2 * this.uniform() - 1;
      y = 2 * this.uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    this.waiting = factor * x;
    return factor * y;
  }
}

// The networks' runs: rows of numbers in, rows of numbers out.

import { Problem } from './problem.js';

const INTEGERS = new Set(['ids']);

/** Rows of numbers, all of the same shape. */
export class Rows {
  constructor(data, dims) {
    this.data = data;
    this.dims = dims;
    this.width = dims.slice(1).reduce((a, b) => a * b, 1);
  }

  get n() {
    return this.dims[0];
  }

  row(i) {
    return this.data.subarray(i * this.width, (i + 1) * this.width);
  }

  /** Rows, each as often as it stands in `order`. */
  take(order) {
    const data = new this.data.constructor(order.length * this.width);
    order.forEach((i, place) => data.set(this.row(i), place * this.width));
    return new Rows(data, [order.length, ...this.dims.slice(1)]);
  }

  as(...dims) {
    return new Rows(this.data, dims);
  }
}

export const zeros = (n, width) => new Rows(new Float32Array(n * width), [n, width]);

/** One row of numbers, `n` times. */
export function repeated(row, n) {
  const data = new Float32Array(n * row.length);
  for (let i = 0; i < n; i++) data.set(row, i * row.length);
  return new Rows(data, [n, row.length]);
}

export const stacked = (rows) => new Rows(Float32Array.from(rows.flatMap((row) => [...row])), [rows.length, rows[0].length]);

export class Networks {
  constructor(ort, sessions) {
    this.ort = ort;
    this.sessions = sessions;
  }

  /**
   * Run a network on `Rows` by name; returns `Rows` by name.
   *
   * @param widths Of each output that is wanted, the number of numbers of one row.
   */
  async run(name, inputs, widths) {
    const feeds = {};
    let n = 0;
    for (const [input, { data, dims }] of Object.entries(inputs)) {
      n = dims[0];
      feeds[input] = INTEGERS.has(input)
        ? new this.ort.Tensor('int32', data instanceof Int32Array ? data : Int32Array.from(data), dims)
        : new this.ort.Tensor('float32', data, dims);
    }
    const outputs = await this.sessions.get(name).run(feeds, Object.keys(widths));
    const found = {};
    for (const [output, width] of Object.entries(widths)) {
      const { data, dims } = outputs[output];
      if (!(data instanceof Float32Array) || dims[0] !== n || data.length !== n * width) {
        throw new Problem(
          `The network “${name}” does not fit the manifest: export the model again with est.export(folder).`,
        );
      }
      found[output] = new Rows(data, dims);
    }
    return found;
  }

  release() {
    return Promise.all([...this.sessions.values()].map((session) => session.release()));
  }
}

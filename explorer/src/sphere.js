// Geometry of the globe: rotations, and directions as texels of a square (an octahedral map).

export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const length = (a) => Math.hypot(a[0], a[1], a[2]);
export const scaled = (a, by) => [a[0] * by, a[1] * by, a[2] * by];
export const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0],
];

export function unit(a) {
  const norm = length(a);
  return norm > 1e-9 ? scaled(a, 1 / norm) : [0, 0, 1];
}

/** The rotation by an angle about an axis, as three rows. */
export function rotation(axis, angle) {
  const [x, y, z] = unit(axis);
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const t = 1 - c;
  return [
    [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
    [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
    [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
  ];
}

export const turned = (rows, a) => [dot(rows[0], a), dot(rows[1], a), dot(rows[2], a)];

export const turnedBack = (rows, a) => [0, 1, 2].map(
  (i) => rows[0][i] * a[0] + rows[1][i] * a[1] + rows[2][i] * a[2],
);

/** The rotation `first`, then `then`; its rows are made orthonormal, as errors add up. */
export function product(then, first) {
  const columns = [0, 1, 2].map((j) => turned(then, [first[0][j], first[1][j], first[2][j]]));
  const x = unit([columns[0][0], columns[1][0], columns[2][0]]);
  let y = [columns[0][1], columns[1][1], columns[2][1]];
  const along = dot(x, y);
  y = unit([y[0] - along * x[0], y[1] - along * x[1], y[2] - along * x[2]]);
  return [x, y, cross(x, y)];
}

const signed = (value, by) => (by < 0 ? -value : value);

/** The directions of n × n texels, row by row. */
export function directions(n) {
  const found = [];
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      let u = (2 * (column + 0.5)) / n - 1;
      let v = (2 * (row + 0.5)) / n - 1;
      const z = 1 - Math.abs(u) - Math.abs(v);
      if (z < 0) [u, v] = [signed(1 - Math.abs(v), u), signed(1 - Math.abs(u), v)];
      found.push(unit([u, v, z]));
    }
  }
  return found;
}

/** Colours with a border, as `bordered` makes them, each the mean of itself and its neighbours. */
export function softened(border, n) {
  const wide = n + 2;
  const found = new Float32Array(3 * n * n);
  const weights = [1, 2, 1];
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      for (let k = 0; k < 3; k++) {
        let sum = 0;
        for (let i = 0; i < 3; i++) {
          for (let j = 0; j < 3; j++) {
            sum += weights[i] * weights[j] * border[3 * ((row + i) * wide + column + j) + k];
          }
        }
        found[3 * (row * n + column) + k] = sum / 16;
      }
    }
  }
  return found;
}

/** Colours (n × n, three numbers each) with a border of what lies beyond each edge of the square. */
export function bordered(colours, n) {
  const wide = n + 2;
  const found = new Float32Array(3 * wide * wide);
  const inside = (i) => Math.min(n - 1, Math.max(0, i));
  for (let row = -1; row <= n; row++) {
    for (let column = -1; column <= n; column++) {
      // Over an edge, the map goes on where it is mirrored along that edge.
      const overRow = row < 0 || row === n;
      const overColumn = column < 0 || column === n;
      const from = [
        inside(overColumn ? n - 1 - row : row), inside(overRow ? n - 1 - column : column),
      ];
      const source = 3 * (from[0] * n + from[1]);
      const target = 3 * ((row + 1) * wide + column + 1);
      for (let i = 0; i < 3; i++) found[target + i] = colours[source + i];
    }
  }
  return found;
}

/** Write the colour in direction (x, y, z), between those of the four nearest texels, into `out`. */
export function colourAt(border, n, x, y, z, out) {
  const sum = Math.abs(x) + Math.abs(y) + Math.abs(z);
  let u = x / sum;
  let v = y / sum;
  if (z < 0) [u, v] = [signed(1 - Math.abs(v), u), signed(1 - Math.abs(u), v)];
  const column = ((u + 1) * n) / 2 + 0.5;
  const row = ((v + 1) * n) / 2 + 0.5;
  const j = Math.floor(column);
  const i = Math.floor(row);
  const right = column - j;
  const below = row - i;
  const at = 3 * (i * (n + 2) + j);
  const next = at + 3 * (n + 2);
  for (let k = 0; k < 3; k++) {
    out[k] = (1 - below) * ((1 - right) * border[at + k] + right * border[at + 3 + k])
      + below * ((1 - right) * border[next + k] + right * border[next + 3 + k]);
  }
}

// The engine's face on the page: the networks run in a worker, so that the page never stands still.

import { Problem } from './engine/problem.js';

const LONGEST = { load: 60000, other: 30000 }; // milliseconds until a worker counts as lost

export class Engine {
  constructor(url) {
    this.url = url;
    this.waiting = new Map();
    this.count = 0;
    this._start();
  }

  _start() {
    this.worker = new Worker(this.url, { type: 'module' });
    this.worker.onmessage = ({ data }) => this._settle(data.id, data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this._fail('The page’s own files are damaged or of another version: load the page again.');
    };
  }

  /** Call a method of the engine; it answers in the order of the calls. */
  call(method, ...args) {
    const id = this.count++;
    return new Promise((resolve, reject) => {
      const longest = LONGEST[method] ?? LONGEST.other;
      const timer = setTimeout(() => this._fail(
        `The model has not answered for ${longest / 1000} seconds: load the page again and, `
        + 'if that does not help, show it fewer pictures, or export a smaller model.',
      ), longest);
      this.waiting.set(id, { resolve, reject, timer });
      this.worker.postMessage({ id, method, args });
    });
  }

  _settle(id, { result, problem }) {
    const call = this.waiting.get(id);
    if (!call) return;
    this.waiting.delete(id);
    clearTimeout(call.timer);
    if (problem) call.reject(new Problem(problem));
    else call.resolve(result);
  }

  /** Give all calls up, and begin with a new worker, which knows no model. */
  _fail(problem) {
    this.worker.terminate();
    for (const id of [...this.waiting.keys()]) this._settle(id, { problem });
    this._start();
  }

  stop() {
    this.worker.terminate();
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }
}

/** Calls that overtake each other: while one runs, only the last of the others waits. */
export function latest(run) {
  let next = null;
  let isRunning = false;
  return async (...args) => {
    next = args;
    if (isRunning) return;
    isRunning = true;
    try {
      while (next) {
        const now = next;
        next = null;
        await run(...now);
      }
    } finally {
      isRunning = false;
    }
  };
}

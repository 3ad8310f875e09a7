// What the page knows. Components read it by useStore.
import {useState, useLayoutEffect, useRef} from './vendor/preact.js';

const BURST = 8; // changes in BURST_TIME milliseconds that are told of at once
const BURST_TIME = 250;

/**
 * Store is an object of values that tells when one of them changes. With `pause` it tells of a burst of changes only so many
 * milliseconds after the page has been drawn: a bot may send a thousand messages in a second.
 */
export class Store {
  #listeners = new Set();
  #pause;
  #resting = false; // since it has just told
  #changed = false; // meanwhile
  #times = []; // of the newest changes that it told of

  constructor(state, {pause = 0} = {}) {
    this.state = state;
    this.#pause = pause;
  }

  set(patch) {
    let changed = false;
    for (const key of Object.keys(patch)) if (this.state[key] !== patch[key]) changed = true;
    if (!changed) return;
    this.state = {...this.state, ...patch};
    if (this.#resting) this.#changed = true;
    else this.#tell();
  }

  #tell() {
    this.#changed = false;
    if (this.#pause) this.#rest(this.#hurried());
    for (const f of [...this.#listeners]) f(this.state);
  }

  #hurried() {
    const now = performance.now();
    this.#times = [...this.#times, now].slice(-BURST);
    return this.#times.length === BURST && now - this.#times[0] < BURST_TIME;
  }

  // The first timer runs when the page has been drawn. The second leaves time for what comes, as long as the drawing took.
  #rest(hurried) {
    this.#resting = true;
    const begin = performance.now();
    const end = () => {
      this.#resting = false;
      if (this.#changed) this.#tell();
    };
    setTimeout(() => {
      const took = performance.now() - begin;
      if (hurried || took > this.#pause) setTimeout(end, Math.max(this.#pause, took));
      else end();
    });
  }

  subscribe(f) {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }
}

/**
 * Gives what `select` picks of the store, and renders the component again when it is another. It listens from the first drawing on:
 * an effect runs later on a busy machine, and a key that is pressed before would find an old text.
 */
export function useStore(store, select) {
  const [, render] = useState(0);
  const picked = useRef();
  const choose = useRef();
  choose.current = select;
  picked.current = select(store.state);
  useLayoutEffect(() => {
    const check = () => {
      if (choose.current(store.state) !== picked.current) render(n => n + 1);
    };
    check();
    return store.subscribe(check);
  }, [store]);
  return picked.current;
}

/** A value that is kept in this browser. Storage may be off: then it is kept until the page is closed. */
export function kept(storage, key, fallback) {
  try {
    const text = window[storage].getItem(key);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

export function keep(storage, key, value) {
  try {
    window[storage].setItem(key, JSON.stringify(value));
  } catch { /* storage is full or off */ }
}

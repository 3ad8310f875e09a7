// The dead letters of a target, as far as they are loaded.
import {botPath} from './api.js';
import {Store} from './store.js';

const pageSize = 100;

/** The path of the dead letters of a target, or of one of them, or of what is done to it. copy is empty for the bot's own URL. */
export function lettersPath(bot, copy, query = {}, ...parts) {
  const all = new URLSearchParams({...(copy ? {target: copy} : {}), ...query}).toString();
  return [`${botPath(bot)}/dead`, ...parts.map(encodeURIComponent)].join('/') + (all && `?${all}`);
}

/** One page of dead letters behind the id `after`. */
export function loadPage(api, bot, copy, after) { return api.get(lettersPath(bot, copy, {limit: pageSize, ...(after ? {after} : {})})); }

/** Letters are in the order of their ids, which are strings. state: {letters, more, loading, error}. */
export class Letters extends Store {
  #api;
  #bot;
  #copy;
  #asked = 0;

  constructor(api, bot, copy) {
    super({letters: [], more: false, loading: true, error: ''});
    this.#api = api;
    this.#bot = bot;
    this.#copy = copy;
  }

  /** Loads anew as many as there are in the page. */
  async refresh() { await this.#load([], Math.max(this.state.letters.length, 1)); }

  async loadMore() { await this.#load(this.state.letters, this.state.letters.length + 1); }

  remove(id) { this.set({letters: this.state.letters.filter(l => l.id !== id)}); }

  async #load(letters, least) {
    const mine = ++this.#asked; // an older answer that comes later must not win
    this.set({loading: true});
    try {
      for (let more = true; more && letters.length < least;) {
        const page = await loadPage(this.#api, this.#bot, this.#copy, letters.at(-1)?.id);
        if (mine !== this.#asked) return;
        letters = [...letters, ...page.letters];
        more = page.more;
        if (!more || letters.length >= least) this.set({letters, more, loading: false, error: ''});
      }
    } catch (err) {
      if (mine === this.#asked) this.set({loading: false, error: err.message});
    }
  }
}

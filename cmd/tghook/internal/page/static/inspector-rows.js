// The rows of the inspector: what was delivered to a bot and what it called, newest last.
import {Store} from './store.js';

/** So many rows are kept in the page. Older ones are loaded again when one scrolls to them. */
export const keepRows = 10000;
const pageSize = 500;

export const everything = {kind: '', chat: '', failed: false, text: ''};

/** Whether the row passes the filter. The API filters what it loads; this filters what comes in later. */
export function matches(row, filter) {
  if (filter.failed && !isFailure(row)) return false;
  if (filter.chat && String(row.chat ?? '') !== filter.chat) return false;
  if (filter.kind ? ![row.type, row.kind, row.method].includes(filter.kind) : isQuietPoll(row)) return false;
  return !filter.text || JSON.stringify(row).toLowerCase().includes(filter.text.toLowerCase());
}

/** A failure: what failed, and a webhook reply that Telegram refused. */
export function isFailure(row) { return row.ok === false || Boolean(row.reply?.refused); }

/** A getUpdates that went well. The updates that it brought have rows of their own. */
function isQuietPoll(row) { return row.type === 'poll' && row.ok !== false; }

/**
 * Puts each call under the delivery that caused it, if that is there. Returns [{row, depth}].
 * Deliveries stay in the order of time.
 */
export function grouped(rows) {
  const children = new Map(), heads = [], ids = new Set(rows.map(row => row.id));
  for (const row of rows) {
    const cause = row.type === 'delivery' ? null : row.cause ?? null;
    if (cause === null || !ids.has(cause) || cause === row.id) heads.push(row);
    else if (children.has(cause)) children.get(cause).push(row);
    else children.set(cause, [row]);
  }
  const list = [];
  for (const head of heads) {
    list.push({row: head, depth: 0});
    for (const row of children.get(head.id) ?? []) list.push({row, depth: 1});
  }
  return list;
}

/** Rows are those of one bot that pass a filter. `bot` is its id, and `path` its part of the API. state: {rows, more, loading, error}. */
export class Rows extends Store {
  #api;
  #path;
  #filter;
  #ends = [];
  #waiting = new Map();
  #timer = 0;
  #oldest = ''; // what asks for the rows before those that were loaded

  constructor(api, bot, path, filter) {
    super({rows: [], more: false, loading: true, error: ''});
    this.#api = api;
    this.#path = path;
    this.#filter = filter;
    this.#ends = [
      api.on('row', event => { if (event.row && String(event.bot) === String(bot)) this.#add(event.row); }),
      api.on('reset', () => this.load()),
    ];
    this.load();
  }

  close() {
    for (const end of this.#ends) end();
    clearTimeout(this.#timer);
  }

  async load() {
    this.set({rows: [], loading: true, error: ''});
    try {
      const {rows, more} = await this.#page('');
      this.set({rows: merged(rows, this.state.rows), more, loading: false}); // some may have come meanwhile
    } catch (err) {
      this.set({loading: false, error: err.message});
    }
  }

  async loadOlder() {
    const {rows, more, loading} = this.state;
    if (!more || loading || rows.length === 0 || rows.length >= keepRows) return;
    this.set({loading: true});
    try {
      const older = await this.#page(this.#oldest);
      this.set({rows: merged(older.rows, this.state.rows), more: older.more, loading: false});
    } catch (err) {
      this.set({loading: false, error: err.message});
    }
  }

  async #page(before) {
    const query = new URLSearchParams({limit: pageSize});
    if (before !== '') query.set('before', before);
    for (const key of ['kind', 'chat', 'text']) if (this.#filter[key]) query.set(key, this.#filter[key]);
    if (this.#filter.failed) query.set('failed', 'true');
    const {rows, more, before: next} = await this.#api.get(`${this.#path}/rows?${query}`);
    if (rows.length > 0) this.#oldest = next ?? rows[0].id;
    return {rows: this.#filter.kind ? rows : rows.filter(row => !isQuietPoll(row)), more: Boolean(more)};
  }

  // Many rows may come at once; they are shown together.
  #add(row) {
    if (!matches(row, this.#filter)) return;
    this.#waiting.set(row.id, row);
    if (this.#waiting.size > 1) return;
    this.#timer = setTimeout(() => {
      const rows = merged(this.state.rows, [...this.#waiting.values()]);
      this.#waiting.clear();
      this.set({rows: rows.length > keepRows ? rows.slice(-keepRows) : rows});
    }, 30);
  }
}

/** Both lists as one. A row that changes keeps its place. */
function merged(older, newer) {
  const byId = new Map(older.map(row => [row.id, row]));
  for (const row of newer) byId.set(row.id, row);
  return [...byId.values()];
}

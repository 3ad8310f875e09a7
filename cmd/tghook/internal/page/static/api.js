// The API of the command: requests, and the stream of events.

/** What the API said in place of an answer. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

async function request(method, path, body) {
  const init = {method, headers: {}};
  if (body instanceof FormData) init.body = body;
  else if (body !== undefined) {
    init.headers['Content-Type'] = 'application/json';
    init.body = typeof body === 'string' ? body : JSON.stringify(body); // a string is JSON already
  }
  let response;
  try {
    response = await fetch(location.origin + path, init); // the page's own address may have a password in it, which fetch refuses
  } catch {
    throw new ApiError(0, 'no_connection', 'The command does not answer. Is it still running?');
  }
  if (!response.ok) throw await readError(response);
  return response;
}

async function readError(response) {
  const text = await response.text();
  try {
    const {error} = JSON.parse(text);
    return new ApiError(response.status, error.code, error.message);
  } catch {
    return new ApiError(response.status, 'unknown', text.trim().slice(0, 300) || `The API answered ${response.status}.`);
  }
}

async function json(method, path, body) {
  const response = await request(method, path, body);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

// The kinds of events that the stream carries. EventSource wants each by its name.
const kinds = [
  'message', 'edit', 'delete', 'reaction', 'poll', 'draft', 'action', 'keyboard', 'answer', 'chat', 'member', 'pin', 'commands',
  'user', 'bot', 'webhook', 'queue', 'inline', 'payment', 'row', 'warning', 'fault', 'time', 'reset', 'log', 'child',
  'state',
];

/** Api is the door to the command. One stream of events serves the whole page. */
export class Api {
  #listeners = new Map();
  #stream;
  #query = {};
  #source = null;
  #last = null;
  #delay = 0;
  #timer = 0;

  /** `stream` is the path of the events. */
  constructor(stream = '/api/events') { this.#stream = stream; }

  get(path) { return json('GET', path); }
  post(path, body = {}) { return json('POST', path, body); }
  put(path, body = {}) { return json('PUT', path, body); }
  patch(path, body = {}) { return json('PATCH', path, body); }
  del(path) { return json('DELETE', path); }
  async text(path) { return (await request('GET', path)).text(); }

  /** Calls f with each event of a kind. '*' is every kind; 'open' and 'lost' tell about the connection. Returns what ends it. */
  on(kind, f) {
    if (!this.#listeners.has(kind)) this.#listeners.set(kind, new Set());
    this.#listeners.get(kind).add(f);
    return () => this.#listeners.get(kind).delete(f);
  }

  /** Begins the stream after the event `seq`. `query` says which events are wanted, if not all. */
  connect(seq, query = {}) {
    this.#last = seq;
    this.#query = query;
    this.#open();
  }

  /** Ends the stream until the next connect. */
  disconnect() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  get last() { return this.#last; }

  #open() {
    this.disconnect();
    const source = new EventSource(`${location.origin}${this.#stream}?${new URLSearchParams({...this.#query, after: this.#last ?? ''})}`);
    this.#source = source;
    source.onopen = () => {
      this.#delay = 0;
      this.#tell('open', {});
    };
    source.onerror = () => {
      this.disconnect();
      this.#tell('lost', {});
      this.#delay = Math.min(Math.max(this.#delay * 1.6, 250), 3000);
      this.#timer = setTimeout(() => this.#open(), this.#delay);
    };
    for (const kind of kinds) source.addEventListener(kind, e => this.#receive(kind, e));
  }

  #receive(kind, e) {
    if (e.lastEventId) this.#last = Number(e.lastEventId);
    let event;
    try {
      event = JSON.parse(e.data || '{}');
    } catch {
      event = {};
    }
    event.kind ??= kind;
    this.#tell(kind, event);
    this.#tell('*', event);
  }

  #tell(kind, event) {
    for (const f of this.#listeners.get(kind) ?? []) {
      try {
        f(event);
      } catch (err) {
        console.error(err);
      }
    }
  }
}

/**
 * Gives {load, end}. load asks, and gives the answer to `take`, or the error to `fail`. It leaves out an answer that comes later than
 * the answer to a newer question, and each answer after end.
 */
export function asking(ask, take, fail = () => {}) {
  let asked = 0, taken = 0;
  const load = () => {
    const mine = ++asked;
    const unlessOlder = f => value => {
      if (mine < taken) return;
      taken = mine;
      f(value);
    };
    return ask().then(unlessOlder(take), unlessOlder(fail));
  };
  return {load, end: () => { taken = Infinity; }};
}

/** The path of a bot's part of the API, or of a chat's. */
export function botPath(bot) { return `/api/bots/${encodeURIComponent(bot)}`; }
export function chatPath(bot, chat) { return `${botPath(bot)}/chats/${encodeURIComponent(chat)}`; }
export function filePath(bot, file) { return `${botPath(bot)}/files/${encodeURIComponent(file)}`; }

// The messages of one chat, as far as the page holds them.
import {Store} from './store.js';
import {chatPath} from './api.js';

const PAGE = 50; // messages asked for at once
const MOST = 160; // messages held, and so drawn, at once
const loaded = {loaded: true, error: null}; // told together with the messages: the list goes to its end then
const ACTION = 5500; // how long "typing" is believed, in milliseconds

/**
 * Conversation holds a window of a chat's messages: it grows at the end that the reader scrolls to and shrinks at the other.
 * So a chat of any length costs the same.
 */
export class Conversation extends Store {
  #api;
  #path;
  #query;
  #off = [];
  #info = {running: false, again: false};
  #actionTimer = 0;
  #ended = false;

  /** `earlier` is the one that was shown before. If it is of the same place, it is shown until this one has loaded, so that the field stays. */
  constructor(api, {bot, chat, as, thread = null}, earlier = null) {
    super({messages: [], moreBefore: false, moreAfter: false, loaded: false, error: null, info: null, action: null, waiting: 0, mark: null}, {pause: 30});
    if (earlier?.bot === String(bot) && earlier.chat === String(chat) && earlier.as === as && earlier.thread === thread) {
      const {messages, moreBefore, loaded, info} = earlier.state;
      this.state = {...this.state, messages, moreBefore, loaded, info};
    }
    this.#api = api;
    this.bot = String(bot);
    this.chat = String(chat);
    this.as = as;
    this.thread = thread;
    this.atEnd = true; // whether the reader is at the end; the list tells
    this.near = null; // the end of the held messages that the reader is near to, 'start' or 'end', if there are more; the list tells
    this.#path = chatPath(bot, chat);
    this.#query = `as=${encodeURIComponent(as)}` + (thread === null ? '' : `&thread=${thread}`);
    for (const kind of ['message', 'edit', 'delete', 'reaction', 'poll']) this.#off.push(api.on(kind, e => this.#receive(kind, e)));
    for (const kind of ['draft', 'keyboard', 'chat', 'member', 'pin', 'commands']) this.#off.push(api.on(kind, e => this.#concerns(e) && this.refresh()));
    this.#off.push(api.on('action', e => this.#act(e)));
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#actionTimer);
    for (const off of this.#off) off();
  }

  /** Loads the newest messages, or those around one. */
  async open(message = null) {
    this.refresh();
    await (message === null ? this.newest() : this.around(message));
  }

  async newest() {
    await this.#load(async () => {
      const {messages, more} = await this.#fetch(`limit=${PAGE}`);
      this.set({messages, moreBefore: more, moreAfter: false, waiting: 0, ...loaded});
    });
  }

  /** Loads the messages around one, and marks it. */
  async around(id) {
    const number = Number(id);
    if (!this.state.messages.some(m => m.message_id === number)) {
      await this.#load(async () => {
        const before = await this.#fetch(`limit=${PAGE / 2}&before=${number + 1}`);
        const after = await this.#fetch(`limit=${PAGE / 2}&after=${number}`);
        this.set({messages: [...before.messages, ...after.messages], moreBefore: before.more, moreAfter: after.more, ...loaded});
      });
    }
    this.set({mark: {id: number}});
  }

  /**
   * Loads more messages at the end that the reader is near to, and cuts as many off at the other. `drawn` are the messages that the
   * reader sees: if this holds others already, those are drawn first, because the cut could take what the reader is looking at.
   */
  async more(drawn) {
    const {near, state: {messages}} = this;
    if (messages.length === 0) return;
    if (near === 'start' && drawn[0]?.message_id === messages[0].message_id) await this.#older();
    else if (near === 'end' && drawn.at(-1)?.message_id === messages.at(-1).message_id) await this.#newer();
  }

  async #older() {
    await this.#load(async () => {
      const {messages, more} = await this.#fetch(`limit=${PAGE}&before=${this.state.messages[0].message_id}`);
      if (this.near !== 'start') return this.#redraw();
      const all = [...messages, ...this.state.messages];
      const cut = all.length > MOST;
      this.set({messages: all.slice(0, MOST), moreBefore: more, moreAfter: this.state.moreAfter || cut});
    });
  }

  async #newer() {
    await this.#load(async () => {
      const {messages, more} = await this.#fetch(`limit=${PAGE}&after=${this.state.messages.at(-1).message_id}`);
      if (this.near !== 'end') return this.#redraw();
      const all = [...this.state.messages, ...messages];
      const cut = all.length > MOST;
      this.set({messages: all.slice(-MOST), moreAfter: more, moreBefore: this.state.moreBefore || cut, waiting: more ? this.state.waiting : 0});
    });
  }

  // The reader has left the end that was asked for: the list is drawn again, and asks for what is wanted now.
  #redraw() { this.set({messages: [...this.state.messages]}); }

  /** Asks for what is true of the chat now: members, keyboard, commands, drafts. Calls that come meanwhile are one call more. */
  async refresh() {
    if (this.#info.running) {
      this.#info.again = true;
      return;
    }
    this.#info.running = true;
    do {
      this.#info.again = false;
      try {
        const info = await this.#api.get(`${this.#path}?${this.#query}`);
        if (!this.#ended) this.set({info, action: info.action ?? this.state.action});
      } catch (err) {
        if (!this.#ended && !this.state.info) this.set({info: null, infoError: err.message});
      }
    } while (this.#info.again && !this.#ended);
    this.#info.running = false;
  }

  /** Takes in messages that an answer of the API brought. */
  add(messages) {
    if (this.#loading && messages?.length) this.#meanwhile.push(() => this.add(messages));
    for (const message of messages ?? []) this.#put(message, true);
  }

  #loading = false;
  #meanwhile = []; // what came while messages were loaded: the answer may be older

  async #load(f) {
    if (this.#loading) return;
    this.#loading = true;
    this.#meanwhile = [];
    try {
      await f();
      this.#loading = false;
      for (const again of this.#meanwhile) again();
      this.set(loaded);
    } catch (err) {
      this.set({loaded: true, error: err.code === 'chat_not_found' && this.state.messages.length === 0 ? null : err.message});
    } finally {
      this.#loading = false;
      this.#meanwhile = [];
    }
  }

  async #fetch(query) {
    const answer = await this.#api.get(`${this.#path}/messages?${this.#query}&${query}`);
    return {messages: answer.messages ?? [], more: Boolean(answer.more)};
  }

  #concerns(e) {
    return String(e.bot ?? this.bot) === this.bot && String(e.chat ?? this.chat) === this.chat;
  }

  #receive(kind, e) {
    if (String(e.bot) !== this.bot || (e.chat !== undefined && String(e.chat) !== this.chat)) return;
    if (this.#loading) this.#meanwhile.push(() => this.#receive(kind, e));
    if (kind === 'delete') return this.#remove(e);
    if (kind === 'message' && e.message) {
      this.#put(e.message, true);
      if (e.message.invoice) this.#reload(e.message.message_id); // what it asks for is told by the message alone
      if (this.#fromBot(e.message)) this.#quiet();
      if (this.state.info?.drafts?.length || e.message.reply_markup || e.message.forum_topic_created) this.refresh();
      return;
    }
    if (e.message) return this.#put(e.message, false);
    if (e.message_id) this.#reload(e.message_id);
  }

  #fromBot(message) { return message.x?.from_bot ?? message.from?.is_bot; }

  async #reload(id) {
    try {
      const {messages} = await this.#fetch(`limit=1&after=${id - 1}`);
      if (messages[0]?.message_id === id) this.#put(messages[0], false);
    } catch { /* it may have gone meanwhile; the next event tells */ }
  }

  #remove(e) {
    const gone = new Set(e.message_ids ?? [e.message_id]);
    if (!this.state.messages.some(m => gone.has(m.message_id))) return;
    this.set({messages: this.state.messages.map(m => gone.has(m.message_id) ? {...m, x: {...m.x, deleted: true}} : m)});
  }

  #put(message, append) {
    if (this.thread !== null && (message.message_thread_id ?? 1) !== this.thread) return;
    const {messages, moreAfter} = this.state;
    const at = messages.findIndex(m => m.message_id === message.message_id);
    if (at >= 0) {
      const next = [...messages];
      next[at] = message;
      this.set({messages: next});
      return;
    }
    if (!append) return;
    const full = messages.length >= MOST && !this.atEnd;
    if (moreAfter || full) {
      this.set({moreAfter: true, waiting: this.state.waiting + 1});
      return;
    }
    let i = messages.length;
    while (i > 0 && messages[i - 1].message_id > message.message_id) i--;
    const next = [...messages.slice(0, i), message, ...messages.slice(i)];
    const cut = next.length > MOST;
    this.set({messages: next.slice(-MOST), moreBefore: this.state.moreBefore || cut});
  }

  #act(e) {
    if (String(e.bot) !== this.bot || String(e.chat) !== this.chat) return;
    clearTimeout(this.#actionTimer);
    if (!e.text || e.text === 'cancel') return this.#quiet();
    this.set({action: e.text});
    this.#actionTimer = setTimeout(() => this.#quiet(), ACTION);
  }

  #quiet() {
    clearTimeout(this.#actionTimer);
    this.set({action: null});
  }
}

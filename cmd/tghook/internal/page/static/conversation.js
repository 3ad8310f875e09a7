// The messages of one chat, as far as the page holds them.
import {Store} from './store.js';
import {chatPath} from './api.js';

const PAGE = 50; // messages asked for at once
const MOST = 160; // messages held, and so drawn, at once
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
  #newKeyboard = true; // the bot has sent one since the last answer, even if it equals the old one
  #actionTimer = 0;
  #ended = false;

  /** `earlier` is the one that was shown before. If it is of the same place, it is shown until this one has loaded, so that the field stays. */
  constructor(api, {bot, chat, as, thread = null}, earlier = null) {
    super({messages: [], moreBefore: false, moreAfter: false, loaded: false, error: null, info: null, action: null, mark: null, end: null}, {pause: 30});
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
    for (const kind of ['draft', 'keyboard', 'chat', 'member', 'pin', 'commands']) this.#off.push(api.on(kind, e => this.#changed(kind, e)));
    this.#off.push(api.on('action', e => this.#act(e)));
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#actionTimer);
    for (const off of this.#off) off();
  }

  /** Loads the newest messages, or those around one. Messages of an earlier conversation may be out of date: they are not marked. */
  async open(message = null) {
    this.refresh();
    await (message === null || this.state.loaded ? this.newest() : this.around(message));
  }

  /** Loads the newest messages, and goes to the end. */
  async newest() {
    await this.#load(async () => {
      const {messages, more} = await this.#fetch(`limit=${PAGE}`);
      return {messages, moreBefore: more, moreAfter: false, end: {}};
    });
  }

  /** Loads the messages around one, and marks it. */
  async around(id) {
    const number = Number(id);
    await this.#load(async () => {
      const mark = {id: number};
      if (this.#held(number)) return {mark};
      const before = await this.#fetch(`limit=${PAGE / 2}&before=${number + 1}`);
      const after = await this.#fetch(`limit=${PAGE / 2}&after=${number}`);
      return {messages: [...before.messages, ...after.messages], moreBefore: before.more, moreAfter: after.more, mark};
    });
  }

  /**
   * Loads more messages at the end that the reader is near to, and cuts as many off at the other. `drawn` are the messages that the
   * reader sees: if this holds others already, those are drawn first, because the cut could take what the reader is looking at.
   */
  async more(drawn) {
    const {near, state: {messages}} = this;
    if (this.#running || this.#waiting > 0 || messages.length === 0) return;
    if (near === 'start' && drawn[0]?.message_id === messages[0].message_id) await this.#load(() => this.#older(messages[0].message_id));
    else if (near === 'end' && drawn.at(-1)?.message_id === messages.at(-1).message_id) await this.#load(() => this.#newer(messages.at(-1).message_id));
  }

  async #older(first) {
    const {messages, more} = await this.#fetch(`limit=${PAGE}&before=${first}`);
    const held = this.state.messages;
    if (this.near !== 'start' || held[0].message_id !== first) return {messages: [...held]};
    const all = [...messages, ...held];
    return {messages: all.slice(0, MOST), moreBefore: more, moreAfter: this.state.moreAfter || all.length > MOST};
  }

  // An answer for an end that the reader has left is not used. The list is drawn all the same, and asks for what is wanted now.
  async #newer(last) {
    const {messages, more} = await this.#fetch(`limit=${PAGE}&after=${last}`);
    const held = this.state.messages;
    if (this.near !== 'end' || held.at(-1).message_id !== last) return {messages: [...held]};
    const all = [...held, ...messages];
    return {messages: all.slice(-MOST), moreAfter: more, moreBefore: this.state.moreBefore || all.length > MOST};
  }

  /** Asks for what is true of the chat now: members, keyboard, commands, drafts. Calls that come meanwhile are one call more. */
  async refresh() {
    if (this.#info.running) {
      this.#info.again = true;
      return;
    }
    this.#info.running = true;
    do {
      this.#info.again = false;
      const newKeyboard = this.#newKeyboard;
      this.#newKeyboard = false;
      try {
        const info = await this.#api.get(`${this.#path}?${this.#query}`);
        const {keyboard} = this.state.info ?? {};
        if (!newKeyboard && JSON.stringify(info.keyboard) === JSON.stringify(keyboard)) info.keyboard = keyboard; // the user may have used or closed it
        if (!this.#ended) this.set({info, action: info.action ?? this.state.action});
      } catch (err) {
        this.#newKeyboard ||= newKeyboard;
        if (!this.#ended && !this.state.info) this.set({info: null, infoError: err.message});
      }
    } while (this.#info.again && !this.#ended);
    this.#info.running = false;
  }

  /** Takes in messages that an answer of the API brought. The events have told of those that are held, and perhaps of more since. */
  add(messages) {
    if (this.#running && messages?.length) this.#meanwhile.push(() => this.add(messages));
    for (const message of messages ?? []) if (!this.#held(message.message_id)) this.#put(message, true);
  }

  #running = null; // the load that runs
  #waiting = 0; // loads
  #meanwhile = []; // events and messages that came while it ran; the answer of the load may be older

  async #load(f) {
    this.#waiting++;
    while (this.#running) await this.#running;
    this.#waiting--;
    this.#meanwhile = [];
    this.#running = this.#take(f);
    await this.#running;
  }

  async #take(f) {
    let patch;
    try {
      patch = {...await f(), loaded: true, error: null}; // told together: the list goes to its end when it has loaded
    } catch (err) {
      patch = {loaded: true, error: err.code === 'chat_not_found' && this.state.messages.length === 0 ? null : err.message};
    }
    this.#running = null; // before the list is drawn: it may ask for more then
    this.set(patch);
    if (patch.messages) for (const again of this.#meanwhile) again();
  }

  async #fetch(query) {
    const answer = await this.#api.get(`${this.#path}/messages?${this.#query}&${query}`);
    return {messages: answer.messages ?? [], more: Boolean(answer.more)};
  }

  #changed(kind, e) {
    if (String(e.bot ?? this.bot) !== this.bot || String(e.chat ?? this.chat) !== this.chat) return;
    if (kind === 'keyboard' && String(e.user ?? this.as) === String(this.as)) this.#newKeyboard = true;
    this.refresh();
  }

  #receive(kind, e) {
    if (String(e.bot) !== this.bot || (e.chat !== undefined && String(e.chat) !== this.chat)) return;
    if (this.#running) this.#meanwhile.push(() => this.#receive(kind, e));
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

  #held(id) { return this.state.messages.find(m => m.message_id === id); }

  // If an event has told of the message while it was asked for, the answer may be older: it is asked for again.
  async #reload(id) {
    try {
      for (let known; !this.#ended;) {
        known = this.#held(id);
        const {messages} = await this.#fetch(`limit=1&after=${id - 1}`);
        if (messages[0]?.message_id !== id) return;
        if (this.#held(id) === known) return this.#put(messages[0], false);
      }
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
      this.set({moreAfter: true});
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

// How many messages a user has not seen, kept in this browser for each user.
import {kept, keep} from './store.js';
import {chatPath} from './api.js';

/** Unread counts what came to chats that were not open. `store.state.unread` is {"<bot>/<chat>": number} of the user who acts. */
export class Unread {
  #api;
  #store;
  #received = new Set(); // chats to which something came since they were last counted
  #marks = {}; // chat -> id of the newest message that was read

  constructor(api, store) {
    this.#api = api;
    this.#store = store;
  }

  #key() { return `tghook.read.${this.#store.state.as}`; }

  /** Takes up the marks of the user who acts now. */
  open() {
    this.#marks = kept('localStorage', this.#key(), {});
    this.#store.set({unread: {}});
  }

  /** Counts anew what is unread in a bot's chats. */
  async load(bot, chats) {
    const as = this.#store.state.as;
    for (const chat of chats) {
      const last = chat.last_message;
      const key = `${bot}/${chat.id}`;
      let read = this.#marks[key] ?? 0;
      if (last && read > last.message_id) read = this.#marks[key] = 0; // the command began anew
      if (!last || last.message_id <= read) {
        this.#count(key, 0);
        continue;
      }
      this.#received.delete(key);
      try {
        const {messages} = await this.#api.get(`${chatPath(bot, chat.id)}/messages?as=${as}&after=${read}&limit=100`);
        if (as !== this.#store.state.as) return;
        if (this.#received.delete(key)) {
          this.load(bot, [chat]);
          continue;
        }
        this.#count(key, messages.filter(m => !this.#own(m) && m.message_id > (this.#marks[key] ?? 0)).length);
      } catch { /* the chat has gone */ }
    }
  }

  receive(bot, chat, message) {
    if (this.#own(message)) return;
    const key = `${bot}/${chat}`;
    this.#received.add(key);
    this.#count(key, (this.#store.state.unread[key] ?? 0) + 1);
  }

  /** The newest message that this user has read in a chat; 0 if none. */
  mark(bot, chat) { return this.#marks[`${bot}/${chat}`] ?? 0; }

  read(bot, chat, message) {
    const key = `${bot}/${chat}`;
    if ((this.#marks[key] ?? 0) < message) {
      this.#marks[key] = message;
      keep('localStorage', this.#key(), this.#marks);
    }
    this.#count(key, 0);
  }

  forget() {
    this.#marks = {};
    keep('localStorage', this.#key(), {});
    this.#store.set({unread: {}});
  }

  #own(message) { return String(message.from?.id) === String(this.#store.state.as); }

  #count(key, n) {
    const {unread} = this.#store.state;
    if ((unread[key] ?? 0) !== n) this.#store.set({unread: {...unread, [key]: n}});
  }
}

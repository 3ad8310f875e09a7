// What the user is about to send in a chat.
import {Store} from './store.js';

/** Draft is the text in the field, and the message that it answers or edits. It outlives a change of the chat. */
export class Draft extends Store {
  constructor() { super({text: '', reply: null, edit: null, focus: 0}); }

  #kept = ''; // the text that an edit has put aside

  get #own() { return this.state.edit ? this.#kept : this.state.text; }

  compose(text) { this.set({text, edit: null, focus: this.state.focus + 1}); }

  answer(message) { this.set({text: this.#own, reply: message, edit: null, focus: this.state.focus + 1}); }

  edit(message, text = message.text ?? '') {
    this.#kept = this.#own;
    this.set({text, edit: message, reply: null, focus: this.state.focus + 1});
  }

  /** Empties the field. The text that an edit put aside comes back. */
  clear() { this.set({text: this.state.edit ? this.#kept : '', reply: null, edit: null}); }

  /** Empties the field if it still has the text and the reply that were sent: the user may have written on meanwhile. */
  sent(text, reply) {
    if (this.state.text === text) this.clear();
    else if (this.state.reply === reply) this.set({reply: null});
  }

  /** Puts a text back that could not be sent. It stands before the text that the user has written since. */
  giveBack({text, reply, edit}) {
    if (this.state.edit) this.#kept = [text, this.#kept].filter(Boolean).join('\n');
    else if (edit) this.edit(edit, text);
    else this.set({text: [text, this.state.text].filter(Boolean).join('\n'), reply: reply ?? this.state.reply});
  }
}

const drafts = new Map();

export function draftOf(bot, chat, as) {
  const key = `${bot}/${chat}/${as}`;
  if (!drafts.has(key)) {
    if (drafts.size > 200) drafts.delete(drafts.keys().next().value);
    drafts.set(key, new Draft());
  }
  return drafts.get(key);
}

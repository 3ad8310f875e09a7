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

  /** Empties the field. What was put aside for an edit comes back. */
  clear() { this.set({text: this.state.edit ? this.#kept : '', reply: null, edit: null}); }

  /** Empties the field if it has the text that was sent still: the user may have written on meanwhile. */
  sent(text) {
    if (this.state.text === text) this.clear();
    else this.set({reply: null});
  }

  /** Puts back what could not be sent, before what the user has written since. */
  giveBack({text, reply, edit}) {
    if (edit) this.edit(edit, text);
    else if (this.state.edit) this.#kept = [text, this.#kept].filter(Boolean).join('\n');
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

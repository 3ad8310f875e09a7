// What the user is about to send in a chat.
import {Store} from './store.js';

/** Draft is the text in the field, and the message that it answers or edits. It outlives a change of the chat. */
export class Draft extends Store {
  constructor() { super({text: '', reply: null, edit: null, focus: 0}); }

  compose(text) { this.set({text, edit: null, focus: this.state.focus + 1}); }

  edit(message) { this.set({text: message.text ?? '', edit: message, reply: null, focus: this.state.focus + 1}); }

  clear() { this.set({text: '', reply: null, edit: null}); }
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

// Short notes at the foot of the page.
import {html} from './vendor/preact.js';
import {Store, useStore} from './store.js';

const notes = new Store({list: []});
let next = 1;

/** Shows a note for a few seconds. {error: true} shows it in red and longer. */
export function toast(text, {error = false, wait} = {}) {
  const note = {id: next++, text: String(text), error};
  notes.set({list: [...notes.state.list, note].slice(-4)});
  setTimeout(() => notes.set({list: notes.state.list.filter(n => n !== note)}), wait ?? (error ? 7000 : 3500));
}

/** Runs f, and shows what went wrong. */
export async function attempt(f) {
  try {
    return await f();
  } catch (err) {
    toast(err.message, {error: true});
    return undefined;
  }
}

export function Toasts() {
  const list = useStore(notes, s => s.list);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${list.map(n => html`<div key=${n.id} class=${'toast' + (n.error ? ' error' : '')}>${n.text}</div>`)}
  </div>`;
}

// The filter of the inspector.
import {html, useLayoutEffect, useState} from './vendor/preact.js';

/** `kinds` are the kinds of rows to choose from, [value, title] each. `chat` is the chat that is open, if one is. */
export function Filter({filter, set, kinds, chat, search}) {
  const [text, setText] = useState(filter.text);
  useLayoutEffect(() => { setText(filter.text); }, [filter.text]);
  useLayoutEffect(() => { // at once: a later effect would let the timer of an earlier key put back its text
    if (text === filter.text) return undefined;
    const timer = setTimeout(() => set(now => ({...now, text})), 200);
    return () => clearTimeout(timer);
  }, [text]);
  const here = chat ? String(chat.id) : '';
  return html`<div class="inspector-filter" role="search" aria-label="Filter of the inspector">
    <input class="field" type="search" placeholder="Filter (F)" aria-label="Filter by text" value=${text} ref=${search} onInput=${e => setText(e.currentTarget.value)}
      onKeyDown=${e => { if (e.key === 'Escape') { setText(''); e.currentTarget.blur(); } }} />
    <select class="field" aria-label="Filter by kind" value=${filter.kind} onChange=${e => set({...filter, kind: e.currentTarget.value})}>
      ${kinds.map(([value, title]) => html`<option key=${value} value=${value}>${title}</option>`)}
    </select>
    ${(here || filter.chat) && html`<button class="chip" aria-pressed=${String(Boolean(filter.chat))} onClick=${() => set({...filter, chat: filter.chat ? '' : here})}>This chat</button>`}
    <button class="chip" aria-pressed=${String(filter.failed)} onClick=${() => set({...filter, failed: !filter.failed})}>Failed</button>
  </div>`;
}

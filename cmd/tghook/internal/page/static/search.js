// Search in the chat that is open.
import {html, useState, useEffect, useLayoutEffect, useRef} from './vendor/preact.js';
import {usePlace} from './place.js';
import {Icon} from './icons.js';
import {attempt} from './toast.js';

const PAGE = 200;

function nothing(query) { return {query, ids: [], done: false, at: -1}; }

function words(m) {
  return [m.text, m.caption, m.poll?.question, m.document?.file_name, m.invoice?.title, m.contact?.first_name, m.venue?.title].filter(Boolean).join('\n').toLowerCase();
}

/** Finds messages from the newest on. The API has no search, so the messages are read page by page until the chat ends. */
export function Search({query, setQuery}) {
  const {api, as, chatUrl, conversation} = usePlace();
  const field = useRef();
  const [found, setFound] = useState(nothing('')); // it may still be of an earlier query

  useLayoutEffect(() => { field.current.focus(); }, []);
  useEffect(() => {
    let old = false;
    const wanted = query.trim().toLowerCase();
    if (!wanted) return undefined;
    setFound(nothing(query));
    const timer = setTimeout(() => attempt(async () => {
      let ids = [], before = '';
      for (;;) {
        const {messages = [], more} = await api.get(`${chatUrl}/messages?as=${as}&limit=${PAGE}${before}`);
        if (old) return;
        ids = [...ids, ...messages.filter(m => !m.x?.deleted && words(m).includes(wanted)).map(m => m.message_id).reverse()];
        const done = !more || !messages.length;
        setFound(({at}) => ({query, ids, done, at}));
        if (done) return;
        before = `&before=${messages[0].message_id}`;
      }
    }), 150);
    return () => { old = true; clearTimeout(timer); };
  }, [query, conversation]);

  const {ids, done, at} = found.query === query ? found : nothing(query);
  const step = by => {
    if (!ids.length) return;
    const next = Math.max(0, Math.min(at + by, ids.length - 1));
    setFound(now => ({...now, at: next}));
    attempt(() => conversation.around(ids[next])).then(() => field.current?.focus());
  };
  const keys = e => {
    if (e.key === 'Enter' || e.key === 'ArrowUp') { e.preventDefault(); step(e.shiftKey ? -1 : 1); }
    if (e.key === 'ArrowDown') { e.preventDefault(); step(-1); }
    if (e.key === 'Escape') { e.preventDefault(); e.stopPropagation(); setQuery(null); }
  };
  const said = !query.trim() ? '' : ids.length ? `${at < 0 ? '' : `${at + 1} of `}${ids.length}${done ? '' : '+'}` : done ? 'Nothing found' : 'Searching';
  return html`<div class="search-bar" role="search">
    <${Icon} name="search" size=${18} />
    <input ref=${field} class="bare-field" type="search" placeholder="Search in the chat" aria-label="Search in the chat" value=${query} onInput=${e => setQuery(e.target.value)} onKeyDown=${keys} />
    <span class="muted tabular" role="status">${said}</span>
    <button type="button" class="icon-button" aria-label="Older match" title="Older match (Enter)" disabled=${!ids.length} onClick=${() => step(1)}><${Icon} name="up" /></button>
    <button type="button" class="icon-button" aria-label="Newer match" title="Newer match (Shift+Enter)" disabled=${!ids.length} onClick=${() => step(-1)}><${Icon} name="down" /></button>
    <button type="button" class="icon-button" aria-label="Close the search" title="Close (Esc)" onClick=${() => setQuery(null)}><${Icon} name="close" /></button>
  </div>`;
}

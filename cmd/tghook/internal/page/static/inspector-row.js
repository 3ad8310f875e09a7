// A row that is open: request and answer in full.
import {html, useEffect, useRef, useState} from './vendor/preact.js';
import {Icon} from './icons.js';
import {go, link} from './route.js';
import {asking} from './api.js';
import {copyText} from './clipboard.js';
import {Badges} from './inspector-list.js';
import {Body} from './inspector-json.js';
import {exactTime, took} from './inspector-time.js';

export function rowPath(id) { return `/api/rows/${encodeURIComponent(id)}`; }

/**
 * Shows a row. `words` are the sentences that differ from page to page: {missing, refused, forgotten, executed, dropped}, and
 * `note`, which makes one of the row. `place` makes the row's place in the address; `actions` makes more buttons;
 * `replay` is the dialogue that replays its update; `onFound` is told of the row.
 */
export function Detail({id, api, rows, words, place, actions, replay: Replay, onFound}) {
  const [row, setRow] = useState(null);
  const [error, setError] = useState('');
  const [replaying, setReplaying] = useState(false);
  const head = useRef();
  useEffect(() => {
    const {load, end} = asking(() => api.get(rowPath(id)), found => {
      setRow(found);
      setError('');
      onFound?.(found);
    }, err => setError(err.status === 404 ? words.missing : err.message));
    load();
    const off = api.on('row', event => { if (event.row?.id === id) load(); });
    return () => { end(); off(); };
  }, [id]);
  const close = () => {
    go({row: null});
    document.querySelector('.inspector-list')?.focus();
  };
  return html`<section class="inspector-detail" aria-label="Open row" onKeyDown=${e => { if (e.key === 'Escape' && !replaying) { e.stopPropagation(); e.preventDefault(); close(); } }}>
    <header class="inspector-detail-head">
      <button class="icon-button inspector-back" aria-label="Back to the list" title="Back to the list" onClick=${close}><${Icon} name="back" /></button>
      <h3 ref=${head}>${row ? row.method ?? row.kind ?? row.type : error ? 'Not found' : 'Loading …'}</h3>
      ${row?.type === 'delivery' && row.update && html`<button class="button small" onClick=${() => setReplaying(true)}><${Icon} name="replay" size=${16} /> Replay</button>`}
      ${row && actions?.(row)}
      ${row && html`<button class="icon-button" aria-label="Copy a link to this row" title="Copy a link to this row" onClick=${() => copyText(link(place(row)), 'Copied the link')}><${Icon} name="link" /></button>`}
      <button class="icon-button inspector-shut" aria-label="Close the row" title="Close the row (Esc)" onClick=${close}><${Icon} name="close" /></button>
    </header>
    <div class="inspector-detail-body" tabindex="-1">
      ${error && html`<p class="inspector-verdict failed" role="alert">${error}</p>`}
      ${row && html`<${Facts} row=${row} rows=${rows} words=${words} />`}
    </div>
    ${replaying && html`<${Replay} row=${row} api=${api} onClose=${() => setReplaying(false)} />`}
  </section>`;
}

function Facts({row, rows, words}) {
  return html`
    <${Verdict} row=${row} words=${words} />
    <div class="inspector-badges"><${Badges} row=${row} /></div>
    <dl class="inspector-facts">
      <${Fact} name="To" value=${row.target} />
      <${Fact} name="Time" value=${exactTime(row.at)} />
      <${Fact} name="Update" value=${row.update_id} />
      <${Fact} name="Chat" value=${row.chat} />
      <${Fact} name="User" value=${row.user} />
      <${Fact} name="Waited in the queue" value=${row.waited_ms >= 1 ? took(row.waited_ms) : ''} />
      <${Fact} name=${row.type === 'delivery' ? 'The bot took' : 'Took'} value=${took(row.took_ms)} />
      <${Fact} name="Status" value=${row.status} />
      <${Fact} name="Note" value=${row.note} />
      <${Fact} name="Unknown parameters" value=${row.unknown_params?.join(', ')} />
    </dl>
    <${Related} row=${row} rows=${rows} />
    <${Attempts} row=${row} />
    ${words.note?.(row) && html`<p class="inspector-hint">${words.note(row)}</p>`}
    ${row.request && html`<${Message} title="Request" first=${`${row.request.method} ${row.request.url}`} message=${row.request} truncated=${row.request.truncated} />`}
    ${row.update && !row.request && html`<section class="inspector-message"><h4>Update</h4><${Body} body=${row.update} label="update" /></section>`}
    ${row.updates?.length > 0 && typeof row.updates[0] === 'object' && html`<section class="inspector-message"><h4>Updates</h4><${Body} body=${row.updates} label="updates" /></section>`}
    ${row.response && html`<${Message} title="Answer" first=${row.response.status ? String(row.response.status) : ''} message=${row.response} truncated=${row.response.truncated} />`}`;
}

function Fact({name, value}) {
  return value !== undefined && value !== null && value !== '' && html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

/** What became of it, in a sentence. What failed is in the words of getWebhookInfo. */
function Verdict({row, words}) {
  if (row.reply?.refused) return html`<p class="inspector-verdict failed"><strong>${words.refused}${row.reply.method && ` ${row.reply.method}`}.</strong> ${row.reply.refused}<br />
    <span>${words.forgotten}</span></p>`;
  if (row.running) return html`<p class="inspector-verdict">${row.via === 'poll' ? 'The bot has fetched the update by getUpdates, and has not confirmed it yet.' : 'On its way. The bot has not answered yet.'}</p>`;
  if (row.ok === false) return html`<p class="inspector-verdict failed"><strong>${row.error || 'It failed.'}</strong>${row.dropped && html`<br />${words.dropped}`}</p>`;
  if (row.type !== 'delivery') return null;
  if (row.reply?.rode) return html`<p class="inspector-verdict good">The bot’s answer brought <strong>${row.reply.method}</strong>, ${words.executed}</p>`;
  return html`<p class="inspector-verdict good">${row.via === 'poll' ? 'The bot fetched the update by getUpdates, and confirmed it.' : 'The bot took the update. Its answer brought no method.'}</p>`;
}

/** Links to the delivery behind a call, and to the calls of a delivery. */
function Related({row, rows}) {
  const calls = rows.state.rows.filter(other => other.cause === row.id && other.id !== row.id);
  if (row.reply?.row && !calls.some(other => other.id === row.reply.row)) calls.unshift({id: row.reply.row, method: row.reply.method});
  if (!row.cause && calls.length === 0) return null;
  const to = (id, text) => html`<button key=${id} class="button small" onClick=${() => go({row: id})}>${text}</button>`;
  return html`<p class="inspector-related">
    ${row.cause && (row.type === 'delivery' ? html`Fetched by ${to(row.cause, 'this getUpdates')}` : html`Caused by ${to(row.cause, 'this delivery')}`)}
    ${calls.length > 0 && html`Calls: ${calls.slice(0, 20).map(other => to(other.id, other.method ?? other.type))}`}
  </p>`;
}

function Attempts({row}) {
  if (!(row.attempts?.length > 1)) return null;
  return html`<section class="inspector-message"><h4>Attempts</h4><table class="inspector-attempts">
    <thead><tr><th>No.</th><th>Time</th><th>Took</th><th>Result</th></tr></thead>
    <tbody>${row.attempts.map(a => html`<tr key=${a.id} class=${a.id === row.id ? 'current' : ''}>
      <td>${a.attempt}</td><td><button class="button small" onClick=${() => go({row: a.id})}>${exactTime(a.at)}</button></td><td>${took(a.took_ms)}</td>
      <td class=${a.ok === false ? 'failed' : ''}>${a.ok === false ? a.error || 'failed' : a.running ? 'on its way' : `delivered${a.status ? `, ${a.status}` : ''}`}</td></tr>`)}</tbody>
  </table></section>`;
}

/** A request or an answer: first line, headers, body. */
function Message({title, first, message, truncated}) {
  const headers = message.headers ?? [];
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
  return html`<section class="inspector-message"><h4>${title}</h4>
    ${first && html`<p class="inspector-first">${first}</p>`}
    ${headers.length > 0 && html`<details class="inspector-headers"><summary>${headers.length} ${headers.length === 1 ? 'header' : 'headers'}</summary>
      <dl>${headers.map(([name, value], i) => html`<div key=${i}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></details>`}
    <${Body} body=${message.body} type=${type} truncated=${truncated} base64=${message.base64} size=${message.size} label=${title.toLowerCase()} />
  </section>`;
}

// The inspector: each delivery and each call as a row, beside the chat.
import {html, useEffect, useLayoutEffect, useMemo, useRef, useState} from './vendor/preact.js';
import {useStore} from './store.js';
import {register} from './commands.js';
import {go} from './route.js';
import {toast} from './toast.js';
import {openMenu} from './menu.js';
import {Icon} from './icons.js';
import {botPath} from './api.js';
import {Rows, everything} from './inspector-rows.js';
import {List} from './inspector-list.js';
import {Detail} from './inspector-row.js';
import {Child, Status} from './inspector-status.js';
import {Faults} from './inspector-faults.js';
import {ChildLog} from './inspector-log.js';

const formats = [
  ['fixtures', 'Fixtures: the updates with the bot’s calls'],
  ['go', 'Go test on tghooktest'],
  ['pytest', 'Python test'],
  ['node', 'Node test'],
];

let filterBefore = everything; // the filter of the panel when it was closed

export function Inspector({store, api, bot, chat}) {
  const rowId = useStore(store, s => s.route.row);
  const [filter, setFilter] = useState(filterBefore);
  const [open, setOpen] = useState(null); // 'faults' or 'log'
  const search = useRef();
  filterBefore = filter;

  useLayoutEffect(() => {
    const ends = [
      register({id: 'inspector.filter', title: 'Filter the inspector', keys: 'f', group: 'Inspector', run: () => search.current?.focus()}),
      register({id: 'inspector.faults', title: 'Faults', keys: 'x', group: 'Inspector', run: () => setOpen('faults')}),
      register({id: 'inspector.log', title: 'Log of the bot’s process', keys: 'l', group: 'Inspector', run: () => setOpen('log')}),
    ];
    return () => ends.forEach(end => end());
  }, []);

  const log = open === 'log' && html`<${ChildLog} api=${api} onClose=${() => setOpen(null)} />`;
  if (!bot) return html`<div class="inspector-panel"><${Empty} api=${api} onLog=${() => setOpen('log')} />${log}</div>`;
  return html`<div class=${'inspector-panel' + (rowId ? ' has-row' : '')}>
    <${Bar} bot=${bot} chat=${chat} onFaults=${() => setOpen('faults')} />
    <${Status} store=${store} api=${api} bot=${bot} onLog=${() => setOpen('log')} onFaults=${() => setOpen('faults')} />
    <${Filter} filter=${filter} set=${setFilter} chat=${chat} search=${search} />
    <${Main} key=${bot.id + JSON.stringify(filter)} store=${store} api=${api} bot=${bot} filter=${filter} rowId=${rowId} onAll=${() => setFilter(everything)} />
    ${open === 'faults' && html`<${Faults} store=${store} api=${api} bot=${bot} chat=${chat} onClose=${() => setOpen(null)} />`}
    ${log}
  </div>`;
}

function Empty({api, onLog}) {
  return html`<header class="inspector-bar"><h2>Inspector</h2></header>
    <div class="inspector-empty"><p>No bot has called yet. Each update that a bot gets, and each call that it makes, is a line here.</p>
      <${Child} api=${api} onLog=${onLog} /></div>`;
}

function Bar({bot, chat, onFaults}) {
  const exports = e => openMenu({
    anchor: e.currentTarget, label: 'Export', head: () => html`<p class="menu-head">Export ${chat ? 'this bot’s session' : 'the session'} as</p>`,
    items: formats.map(([format, text]) => ({text, icon: 'file', run: () => save(bot, format, null)}))
      .concat(chat ? [null, ...formats.map(([format, text]) => ({text: 'This chat alone: ' + text, run: () => save(bot, format, chat.id)}))] : []),
  });
  return html`<header class="inspector-bar"><h2>Inspector</h2>
    <button class="button small" onClick=${onFaults} title="Faults (X)"><${Icon} name="bolt" size=${16} /> Faults</button>
    <button class="button small" onClick=${exports} aria-haspopup="menu"><${Icon} name="save" size=${16} /> Export</button>
  </header>`;
}

/** Saves an export by a link, so that the browser names the file as the API does. */
async function save(bot, format, chat) {
  const path = `${botPath(bot.id)}/export?format=${format}${chat === null ? '' : `&chat=${encodeURIComponent(chat)}`}`;
  const answer = await fetch(path, {method: 'GET'}).catch(() => null);
  if (!answer?.ok) {
    const text = answer ? await answer.json().then(v => v.error.message, () => `The API answered ${answer.status}.`) : 'The command does not answer.';
    toast(text, {error: true});
    return;
  }
  const name = /filename="?([^";]+)"?/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1] ?? `session.${format}`;
  const url = URL.createObjectURL(await answer.blob());
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  toast(`Saved ${name}`);
}

const kinds = [
  ['', 'All'], ['delivery', 'Deliveries'], ['call', 'Calls'], ['reply', 'Replies in answers'], ['poll', 'Polls'], ['warning', 'Warnings'],
  ['message', 'message'], ['edited_message', 'edited_message'], ['callback_query', 'callback_query'], ['inline_query', 'inline_query'],
  ['pre_checkout_query', 'pre_checkout_query'], ['my_chat_member', 'my_chat_member'], ['message_reaction', 'message_reaction'],
  ['sendMessage', 'sendMessage'], ['editMessageText', 'editMessageText'], ['answerCallbackQuery', 'answerCallbackQuery'], ['setWebhook', 'setWebhook'],
];

function Filter({filter, set, chat, search}) {
  const [text, setText] = useState(filter.text);
  useLayoutEffect(() => { setText(filter.text); }, [filter.text]);
  useEffect(() => {
    if (text === filter.text) return undefined;
    const timer = setTimeout(() => set({...filter, text}), 200);
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

/** The list, and the row that is open. */
function Main({store, api, bot, filter, rowId, onAll}) {
  const rows = useMemo(() => new Rows(api, bot, filter), []);
  useEffect(() => () => rows.close(), []);
  const filtered = JSON.stringify(filter) !== JSON.stringify(everything);
  return html`<div class=${'inspector-main' + (rowId ? ' open' : '')}>
    <${List} rows=${rows} selected=${rowId} filtered=${filtered} onAll=${onAll} />
    ${rowId && html`<${Detail} key=${rowId} id=${rowId} store=${store} api=${api} bot=${bot} rows=${rows} />`}
  </div>`;
}

// The inspector: each delivery and each call as a row, beside the chat.
import {html, useLayoutEffect, useRef, useState} from './vendor/preact.js';
import {useStore} from './store.js';
import {register} from './commands.js';
import {go} from './route.js';
import {attempt, toast} from './toast.js';
import {openMenu} from './menu.js';
import {Icon} from './icons.js';
import {copyText} from './clipboard.js';
import {botPath, chatPath} from './api.js';
import {everything} from './inspector-rows.js';
import {rowPath} from './inspector-row.js';
import {parsed} from './inspector-json.js';
import {Filter} from './inspector-filter.js';
import {Replay} from './inspector-replay.js';
import {Traffic} from './inspector-traffic.js';
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
    <${Filter} filter=${filter} set=${setFilter} kinds=${kinds} chat=${chat} search=${search} />
    <${Traffic} key=${bot.id + JSON.stringify(filter)} api=${api} bot=${bot.id} path=${botPath(bot.id)} filter=${filter} rowId=${rowId}
      empty="Nothing yet. Write to the bot in the chat." onAll=${() => setFilter(everything)} detail=${detailOf(store, api, bot)} />
    ${open === 'faults' && html`<${Faults} key=${bot.id} store=${store} api=${api} bot=${bot} chat=${chat} onClose=${() => setOpen(null)} />`}
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

const words = {
  missing: 'This row is no longer kept, or tghook dev was started anew since. Its link works only as long as the session.',
  refused: 'Telegram refused the reply', forgotten: 'Telegram takes the update for handled, and tells the bot nothing.',
  executed: 'which Telegram executed.', dropped: 'The update is dropped: it is not tried again.',
};

/** What Detail wants to know about the page. */
function detailOf(store, api, bot) {
  return {
    words, place: row => ({row: row.id}), replay: Replay,
    actions: row => html`<${Actions} row=${row} store=${store} api=${api} bot=${bot} />`,
    onFound: row => {
      store.set({inspectorOpen: true}); // a link to a row has opened the panel: it stays when the row is closed
      if (row.bot !== bot.id) go({bot: row.bot, chat: row.chat || null, row: row.id}); // a link to a row of another bot
    },
  };
}

function Actions({row, store, api, bot}) {
  return html`
    ${row.request && html`<button class="icon-button" aria-label="Copy as curl" title="Copy as curl" onClick=${() => attempt(async () => copyText(await api.text(rowPath(row.id) + '/curl'), 'Copied as curl'))}><${Icon} name="terminal" /></button>`}
    ${row.chat && html`<button class="icon-button" aria-label="Show in the chat" title="Show in the chat" onClick=${() => attempt(async () => go({bot: bot.id, chat: row.chat, message: await messageOf(row, api, store)}))}><${Icon} name="out" /></button>`}`;
}

/** The message that the row is about; null if it is about none. */
async function messageOf(row, api, store) {
  const about = row.update && Object.values(row.update).find(v => typeof v === 'object' && v !== null);
  if (about) return about.message_id ?? about.message?.message_id ?? null;
  const answer = parsed(row.response?.body);
  if (answer?.result?.message_id) return answer.result.message_id;
  // Telegram sends no answer to a call that came in the response to an update.
  const {messages} = await api.get(`${chatPath(row.bot, row.chat)}/messages?as=${store.state.as}&limit=100`);
  return messages.find(m => m.x?.row === row.id)?.message_id ?? null;
}

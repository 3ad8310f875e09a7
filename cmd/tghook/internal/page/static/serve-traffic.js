// The traffic of a bot: the inspector of what passes through.
import {html, useLayoutEffect, useMemo, useRef, useState} from './vendor/preact.js';
import {botPath} from './api.js';
import {register} from './commands.js';
import {Icon} from './icons.js';
import {place} from './serve-bots.js';
import {Filter} from './inspector-filter.js';
import {everything} from './inspector-rows.js';
import {rowPath} from './inspector-row.js';
import {Traffic} from './inspector-traffic.js';
import {Edit} from './serve-edit.js';

const kinds = [
  ['', 'All'], ['delivery', 'Deliveries'], ['reply', 'Replies'], ['warning', 'Dead letters'],
  ...['message', 'edited_message', 'callback_query', 'inline_query', 'channel_post', 'pre_checkout_query', 'shipping_query', 'my_chat_member', 'chat_member', 'message_reaction', 'poll_answer'].map(kind => [kind, kind]),
];

export function ServeTraffic({api, bot, rowId, history}) {
  const [filter, setFilter] = useState(everything);
  const search = useRef();
  useLayoutEffect(() => register({id: 'inspector.filter', title: 'Filter the traffic', keys: 'f', group: 'Traffic', run: () => search.current?.focus()}), []);
  const detail = useMemo(() => detailOf(bot, history, chat => setFilter(f => ({...f, chat}))), [bot.name, history]);
  if (!history.on) return html`<div class="serve-empty"><h2>There is no history</h2>
    <p>The configuration has <code>history: off</code>. The queue and the dead letters do not need it.</p></div>`;
  return html`<section class="serve-panel inspector-panel" aria-label="Traffic">
    <${Filter} filter=${filter} set=${setFilter} kinds=${kinds} search=${search} />
    <${Traffic} key=${bot.id + JSON.stringify(filter)} api=${api} bot=${bot.id} path=${botPath(bot.name)} filter=${filter} rowId=${rowId}
      empty="Nothing has passed through yet, or it is older than the history." onAll=${() => setFilter(everything)} detail=${detail} />
  </section>`;
}

/** What Detail wants to know about the page. */
function detailOf(bot, history, onlyChat) {
  return {
    words: {
      missing: 'This row is no longer kept: it is older than the history.',
      refused: 'The gateway refused the reply', forgotten: 'The update counts as handled, and the bot is told nothing.',
      executed: 'which the gateway calls for it.', dropped: 'The update is a dead letter now.',
      note: row => history.bodies || row.type === 'warning' ? '' : 'The history has no bodies: the configuration has history.bodies: false. So the update cannot be replayed from here.',
    },
    place: row => ({bot: bot.name, tab: 'traffic', row: row.id}),
    actions: row => html`${row.dropped && html`<a class="button small" href=${place({bot: bot.name, tab: 'dead', copy: row.target ?? null})}>Dead letters</a>`}
      ${row.chat && html`<button class="button small" title="Show only what belongs to this chat" onClick=${() => onlyChat(String(row.chat))}><${Icon} name="filter" size=${16} /> This chat</button>`}`,
    replay: ReplayRow,
  };
}

function ReplayRow({row, api, onClose}) {
  return html`<${Edit} title=${`Replay ${row.kind ?? 'the update'}`} text=${row.update_text} onClose=${onClose}
    hint="The bot gets this update once more, behind what waits in its chat. Change what you like."
    done="The update waits for its turn" send=${body => api.post(`${rowPath(row.id)}/replay`, body)} />`;
}

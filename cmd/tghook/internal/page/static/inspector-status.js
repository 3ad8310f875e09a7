// The status line: how the bot gets its updates, what waits, and whether its process runs.
import {html, useEffect, useState} from './vendor/preact.js';
import {useStore} from './store.js';
import {Icon} from './icons.js';
import {attempt} from './toast.js';
import {asking, botPath} from './api.js';
import {Age} from './age.js';
import {exactTime} from './inspector-time.js';

export function Status({store, api, bot: known, onLog, onFaults}) {
  const bot = useBot(api, known);
  const speed = useStore(store, s => s.speed);
  const faults = useFaults(api, bot);
  const webhook = bot.webhook ?? {};
  const failure = webhook.last_error_message;
  const pending = bot.pending ?? webhook.pending ?? 0;
  return html`<div class="inspector-status" role="group" aria-label="State of the bot">
    <span class="inspector-way" title=${webhook.url || ''}>${way(bot, webhook)}</span>
    <span class=${pending > 0 ? 'badge warn' : 'badge'}>${pending} pending${pending > 0 && bot.oldest_pending_at ? html`, oldest <${Age} at=${bot.oldest_pending_at} />` : ''}</span>
    ${speed > 0 && speed !== 1 && html`<span class="badge" title=${`Telegram’s time passes ${speed} times as fast`}>× ${speed}</span>`}
    ${faults > 0 && html`<button class="badge warn" onClick=${onFaults}>${faults} ${faults === 1 ? 'fault' : 'faults'}</button>`}
    <${Child} api=${api} onLog=${onLog} />
    ${failure && html`<p class="inspector-last-error">${webhook.last_error_date ? `${exactTime(webhook.last_error_date * 1000)} ` : ''}${failure}</p>`}
  </div>`;
}

function way(bot, webhook) {
  if (webhook.url) return html`<${Icon} name="link" size=${14} /> ${webhook.url}`;
  if (bot.polling) return html`<${Icon} name="refresh" size=${14} /> long poll`;
  return html`<${Icon} name="help" size=${14} /> asks for no updates`;
}

/** The bot with its newest state. It is asked for again a moment after something has happened. */
function useBot(api, known) {
  const [bot, setBot] = useState(known);
  useEffect(() => {
    let timer = 0;
    const {load, end} = asking(() => api.get(botPath(known.id)), setBot);
    const soon = event => {
      if (timer || String(event.bot) !== String(known.id)) return;
      timer = setTimeout(() => { timer = 0; load(); }, 150);
    };
    setBot(known);
    load();
    const ends = ['row', 'queue', 'webhook', 'bot'].map(kind => api.on(kind, soon));
    return () => { clearTimeout(timer); [end, ...ends].forEach(f => f()); };
  }, [known.id]); // known may be older than what was loaded here
  return bot;
}

/** The process that tghook dev has started; null if there is none. */
function useChild(api) {
  const [child, setChild] = useState(null);
  useEffect(() => {
    const {load, end} = asking(() => api.get('/api/child'), setChild, () => setChild(null));
    load();
    const ends = [end, api.on('child', load), api.on('open', load)];
    return () => ends.forEach(f => f());
  }, []);
  return child;
}

function useFaults(api, bot) {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const {load, end} = asking(() => api.get(botPath(bot.id) + '/faults'), answer => setCount(answer.length), () => setCount(0));
    load();
    const ends = [end, api.on('fault', load), api.on('row', event => { if (event.row?.fault) load(); }), api.on('reset', load)];
    return () => ends.forEach(f => f());
  }, [bot.id]);
  return count;
}

/** Whether the bot's process runs, with its log and a button that starts it again. */
export function Child({api, onLog}) {
  const child = useChild(api);
  if (!child) return null;
  const state = child.running ? `running, pid ${child.pid}` : child.exit ? `ended: ${child.exit}` : 'not running';
  return html`<span class="inspector-child" title=${child.command}>
    <button class=${child.running ? 'badge ok' : 'badge danger'} onClick=${onLog} aria-label=${`Bot’s process: ${state}. Show its log`}><${Icon} name="terminal" size=${12} /> ${child.running ? 'running' : state}</button>
    <button class="icon-button" aria-label="Restart the bot’s process" title="Restart the bot’s process" onClick=${() => attempt(() => api.post('/api/child/restart'))}><${Icon} name="refresh" size=${16} /></button>
  </span>`;
}

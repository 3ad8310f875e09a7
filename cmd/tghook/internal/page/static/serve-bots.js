// The list of bots, each with how it is.
import {html} from './vendor/preact.js';
import {Age} from './age.js';
import {Avatar} from './avatar.js';
import {Icon} from './icons.js';
import {count} from './format.js';
import {empty, format, go} from './route.js';
import {openHelp} from './help.js';
import {switchTheme} from './theme.js';

/** How a bot is: {title, kind, why}. kind is ok, warn or danger. */
export function stateOf(bot) {
  const [own, ...copies] = bot.targets;
  const copy = copies.find(t => t.down);
  if (bot.paused) return {title: 'Paused', kind: 'warn', why: 'Its updates are kept and not posted.'};
  if (own?.down) return {title: 'Bot down', kind: 'danger', why: own.problem};
  if (bot.webhook.problem) return {title: 'Telegram', kind: 'danger', why: bot.webhook.problem};
  if (copy) return {title: 'Copy down', kind: 'warn', why: `${copy.name}: ${copy.problem ?? ''}`};
  return {title: 'OK', kind: 'ok', why: ''};
}

/** What waits for all targets of a bot: {pending, oldest, dead}. */
export function waiting(bot) {
  const queues = bot.targets.map(t => t.queue);
  const sum = key => queues.reduce((n, q) => n + q[key], 0);
  const oldest = queues.map(q => q.oldest).filter(Boolean).sort((a, b) => new Date(a) - new Date(b))[0];
  return {pending: sum('pending'), dead: sum('dead'), oldest};
}

export function State({bot}) {
  const {title, kind, why} = stateOf(bot);
  return html`<span class=${`badge ${kind}`} title=${why || undefined}>${title}</span>`;
}

/** Goes to a bot. The tab stays. */
export function openBot(name) { go({bot: name, copy: null, letter: null, row: null}); }

/** Shows what can be done by key. */
export function openKeys() { return openHelp([['Replay what is edited', 'Ctrl', 'Enter'], ['Leave the field', 'Esc']]); }

export function place(change) { return format({...empty, ...change}); }

export function BotList({bots, shown, tab, version, user}) {
  return html`<div class="serve-side">
    <header class="serve-head"><img src="/page/icon.svg" alt="" width="30" height="30" /><span><b>tghook serve</b><span class="muted">${count(bots.length, 'bot')}</span></span>
      <button class="icon-button" aria-label="Keys" title="Keys (?)" onClick=${openKeys}><${Icon} name="help" /></button>
      <button class="icon-button" aria-label="Dark or light" title="Dark or light (T)" onClick=${switchTheme}><${Icon} name="moon" /></button>
    </header>
    <nav aria-label="Bots"><ul class="serve-bots">
      ${bots.map(bot => html`<li key=${bot.name}><${Item} bot=${bot} shown=${bot.name === shown} tab=${tab} /></li>`)}
    </ul></nav>
    <footer class="serve-foot muted">${version && `tghook ${version}`}${user && html`<span class="ellipsis" title=${user}>${user}</span>`}</footer>
  </div>`;
}

function Item({bot, shown, tab}) {
  const {pending, oldest, dead} = waiting(bot);
  return html`<a class="serve-bot" href=${place({bot: bot.name, tab})} aria-current=${shown ? 'page' : undefined}>
    <${Avatar} id=${bot.id} name=${bot.name} size="small" />
    <span class="serve-bot-text">
      <span class="serve-bot-line"><b class="ellipsis" title=${bot.name}>${bot.name}</b><${State} bot=${bot} /></span>
      <span class="serve-bot-line muted"><span class="ellipsis">${pending > 0 ? html`${pending} waiting${oldest && html`, oldest <${Age} at=${oldest} />`}` : 'nothing waits'}</span>
        ${dead > 0 && html`<span class="badge danger" title=${count(dead, 'dead letter')}>${dead} dead<span class="visually-hidden"> letters</span></span>`}</span>
    </span></a>`;
}

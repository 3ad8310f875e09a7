// A bot: how it is, and its tabs.
import {html} from './vendor/preact.js';
import {Icon} from './icons.js';
import {ask} from './dialog.js';
import {attempt, toast} from './toast.js';
import {botPath} from './api.js';
import {go} from './route.js';
import {State, place, stateOf, waiting} from './serve-bots.js';
import {ServeTraffic} from './serve-traffic.js';
import {Queue} from './serve-queue.js';
import {DeadLetters} from './serve-dead.js';

export const tabs = [{name: 'traffic', title: 'Traffic'}, {name: 'queue', title: 'Queue'}, {name: 'dead', title: 'Dead letters'}];

export function Bot({api, bot, route, history, reload}) {
  const tab = tabs.find(t => t.name === route.tab)?.name ?? 'traffic';
  const {title, kind, why} = stateOf(bot);
  const {pending, dead} = waiting(bot);
  const numbers = {queue: pending, dead};
  return html`
    <header class="serve-bar">
      <button class="icon-button serve-back" aria-label="Back to the bots" title="Back to the bots" onClick=${() => go({bot: null, tab: null, copy: null, letter: null, row: null})}><${Icon} name="back" /></button>
      <h1 class="ellipsis" title=${bot.name}>${bot.name}</h1>
      <${State} bot=${bot} />
      ${bot.added && html`<span class="badge" title="It is not in the configuration file">by the admin API</span>`}
      <${Pause} api=${api} bot=${bot} reload=${reload} />
    </header>
    ${why && html`<p class=${'serve-notice' + (kind === 'danger' ? ' failed' : '')}><strong>${title === 'Telegram' ? 'Telegram has a problem' : title}.</strong> ${why}</p>`}
    <nav class="serve-tabs" aria-label=${`Parts of ${bot.name}`}>
      ${tabs.map((t, i) => html`<a key=${t.name} href=${place({bot: bot.name, tab: t.name})} aria-current=${t.name === tab ? 'page' : undefined} title=${`${t.title} (${i + 1})`}>${t.title}
        ${numbers[t.name] > 0 && html` <span class=${t.name === 'dead' ? 'badge danger' : 'badge'}>${numbers[t.name]}</span>`}</a>`)}
    </nav>
    ${tab === 'traffic' && html`<${ServeTraffic} api=${api} bot=${bot} rowId=${route.row} history=${history} />`}
    ${tab === 'queue' && html`<${Queue} bot=${bot} />`}
    ${tab === 'dead' && html`<${DeadLetters} key=${route.copy ?? ''} api=${api} bot=${bot} copy=${route.copy ?? ''} letterId=${route.letter} />`}`;
}

function Pause({api, bot, reload}) {
  const {name, paused} = bot;
  const run = async () => {
    const sure = paused
      ? await ask(`Resume ${name}?`, 'The updates that wait are posted, in their order.', 'Resume')
      : await ask(`Pause ${name}?`, 'Its updates are kept and not posted until you resume it, also over a restart. Telegram is answered as before.', 'Pause');
    if (!sure) return;
    await attempt(async () => {
      await api.post(`${botPath(name)}/${paused ? 'resume' : 'pause'}`);
      toast(paused ? `${name} is resumed` : `${name} is paused`);
    });
    reload();
  };
  return html`<button class=${'button small' + (paused ? ' primary' : '')} onClick=${run}><${Icon} name=${paused ? 'play' : 'pause'} size=${16} /> ${paused ? 'Resume' : 'Pause'}</button>`;
}

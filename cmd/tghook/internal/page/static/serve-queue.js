// What waits for a bot: its targets with their lanes, and what Telegram says.
import {html} from './vendor/preact.js';
import {Age} from './age.js';
import {count, fullTime} from './format.js';

export function Queue({bot}) {
  return html`<section class="serve-panel serve-scroll" aria-label="Queue" tabindex="-1">
    ${bot.targets.map(t => html`<${Target} key=${t.name} target=${t} paused=${bot.paused} alone=${bot.targets.length === 1} />`)}
    <${Telegram} bot=${bot} />
  </section>`;
}

function Target({target: t, paused, alone}) {
  const title = t.name ? `Copy to ${t.name}` : alone ? 'To the bot' : 'To the bot’s own URL';
  const state = paused ? ['warn', 'paused'] : t.down ? ['danger', 'down'] : ['ok', 'answers'];
  return html`<article class="serve-card" aria-label=${title}>
    <header><h2>${title}</h2><span class=${`badge ${state[0]}`}>${state[1]}</span></header>
    <p class="serve-url">${t.url}</p>
    ${t.down && html`<p class="inspector-verdict failed"><strong>Down${t.since && html` for <${Age} at=${t.since} />`}.</strong> ${t.problem}<br />
      <span>The gateway asks it from time to time. Its updates are kept.</span></p>`}
    <dl class="inspector-facts">
      <${Fact} name="Waiting" value=${t.queue.pending} />
      <${Fact} name="Oldest" value=${t.queue.oldest ? html`<${Age} at=${t.queue.oldest} />` : 'none'} />
      <${Fact} name="Requests under way" value=${`${t.busy} of at most ${t.window}`} />
      <${Fact} name="In memory, waiting" value=${t.waiting} />
      <${Fact} name="Dead letters" value=${t.queue.dead} />
      <${Fact} name="Counted" value=${t.counted ? html`<${Age} at=${t.counted} /> ago` : 'not yet'} />
    </dl>
    <${Lanes} queue=${t.queue} />
  </article>`;
}

function Lanes({queue}) {
  if (!(queue.lanes?.length > 0)) return null;
  return html`<table class="serve-lanes"><caption>${queue.lanes.length >= 100 ? 'The 100 chats that wait longest' : 'Chats that wait'}</caption>
    <thead><tr><th scope="col">Lane</th><th scope="col">Waiting</th><th scope="col">Oldest</th></tr></thead>
    <tbody>${queue.lanes.map(l => html`<tr key=${l.lane}><td>${l.lane || 'no chat'}</td><td>${l.pending}</td><td>${l.oldest && html`<${Age} at=${l.oldest} />`}</td></tr>`)}</tbody></table>`;
}

function Telegram({bot}) {
  const w = bot.webhook;
  const way = bot.receive === 'poll' ? 'long poll' : 'webhook';
  return html`<article class="serve-card" aria-label="Telegram">
    <header><h2>From Telegram</h2><span class=${`badge ${w.problem ? 'danger' : ''}`}>${way}</span></header>
    ${w.url && html`<p class="serve-url">${w.url}</p>`}
    ${w.problem && html`<p class="inspector-verdict failed"><strong>${bot.receive === 'poll' ? 'The poll fails.' : 'Telegram has a problem with the webhook.'}</strong> ${w.problem}</p>`}
    ${w.last_error && html`<p class="inspector-verdict"><strong>The last error that Telegram saw${w.error_at && html`, <${Age} at=${w.error_at} /> ago`}.</strong> ${w.last_error}</p>`}
    <dl class="inspector-facts">
      <${Fact} name="Waiting at Telegram" value=${w.checked_at ? count(w.pending, 'update') : 'not known yet'} />
      <${Fact} name="Asked" value=${w.checked_at ? html`<span title=${fullTime(new Date(w.checked_at) / 1000)}><${Age} at=${w.checked_at} /> ago</span>` : 'not yet'} />
      <${Fact} name="Bot’s id" value=${bot.id} />
    </dl>
    ${!w.here && html`<p class="inspector-hint">Another gateway, or none yet, cares for this bot at Telegram.</p>`}
  </article>`;
}

function Fact({name, value}) { return html`<div><dt>${name}</dt><dd>${value}</dd></div>`; }

// The dead letters of a bot: the list, and the one that is open.
import {html, useEffect, useMemo, useState} from './vendor/preact.js';
import {useStore} from './store.js';
import {go, parse} from './route.js';
import {Age} from './age.js';
import {show} from './dialog.js';
import {place} from './serve-bots.js';
import {Letters} from './serve-letters.js';
import {Letter} from './serve-letter.js';
import {Bulk} from './serve-bulk.js';

export function DeadLetters({api, bot, copy, letterId}) {
  const target = bot.targets.find(t => t.name === copy);
  const letters = useMemo(() => new Letters(api, bot.name, copy), []);
  const state = useStore(letters, s => s);
  const [picked, setPicked] = useState(() => new Set());
  const dead = target?.queue.dead;
  useEffect(() => { letters.refresh(); }, [dead]);
  useEffect(() => api.on('open', () => letters.refresh()), []);
  if (!target) return html`<div class="serve-empty"><p>${bot.name} has no copy ${copy}.</p></div>`;
  const chosen = state.letters.filter(l => picked.has(l.id)).map(l => l.id);
  const bulk = async verb => {
    await show(close => html`<${Bulk} api=${api} bot=${bot.name} copy=${copy} verb=${verb} ids=${chosen.length > 0 ? chosen : null} onEnd=${close} />`);
    setPicked(new Set());
    await letters.refresh();
    if (document.activeElement === document.body) document.querySelector('.serve-dead-list')?.focus(); // the button is off now
  };
  return html`<section class=${'serve-panel serve-dead' + (letterId !== null ? ' open' : '')} aria-label="Dead letters">
    <div class="serve-dead-list" tabindex="-1">
      <${Tools} bot=${bot} copy=${copy} state=${state} chosen=${chosen.length} bulk=${bulk} clear=${() => setPicked(new Set())} />
      <${Table} bot=${bot} copy=${copy} state=${state} picked=${picked} setPicked=${setPicked} letterId=${letterId} />
      ${state.error && html`<p class="inspector-verdict failed" role="alert">${state.error}</p>`}
      ${state.more && html`<p class="serve-more"><button class="button small" disabled=${state.loading} onClick=${() => letters.loadMore()}>Show more</button></p>`}
    </div>
    ${letterId !== null && html`<${Letter} key=${letterId} api=${api} bot=${bot} copy=${copy} id=${letterId} onGone=${() => gone(letters, letterId)} />`}
  </section>`;
}

/** Takes a letter out of the list, and sets the focus to the one that takes its place. */
function gone(letters, id) {
  const {letters: list} = letters.state;
  const i = list.findIndex(l => l.id === id);
  const next = list[i + 1] ?? list[i - 1];
  letters.remove(id);
  if (parse(location.hash).letter !== id) return; // another is open meanwhile
  go({letter: null});
  setTimeout(() => (document.getElementById(`letter-${next?.id}`) ?? document.querySelector('.serve-dead-list'))?.focus(), 50);
}

function Tools({bot, copy, state, chosen, bulk, clear}) {
  const none = state.letters.length === 0;
  const how = chosen > 0 ? String(chosen) : 'all';
  return html`<div class="serve-tools" role="group" aria-label="What to do with dead letters">
    ${bot.targets.length > 1 && html`<label>To <select class="field" value=${copy} onChange=${e => go({copy: e.currentTarget.value || null, letter: null})}>
      ${bot.targets.map(t => html`<option key=${t.name} value=${t.name}>${t.name || 'the bot’s own URL'} (${t.queue.dead})</option>`)}</select></label>`}
    <button class="button small" disabled=${none} onClick=${() => bulk('replay')}>Replay ${how}</button>
    <button class="button small danger" disabled=${none} onClick=${() => bulk('discard')}>Discard ${how}</button>
    ${chosen > 0 && html`<button class="button small" onClick=${clear}>Clear the selection</button>`}
  </div>`;
}

function Table({bot, copy, state, picked, setPicked, letterId}) {
  const {letters, loading, error} = state;
  if (letters.length === 0) return !error && html`<p class="inspector-none serve-none" role="status">${loading ? 'Loading …' : 'No dead letters. An update that fails too often becomes one.'}</p>`;
  const all = letters.every(l => picked.has(l.id));
  const pick = id => {
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    setPicked(next);
  };
  return html`<table class="serve-letters"><caption class="visually-hidden">Dead letters</caption>
    <thead><tr><th scope="col"><input type="checkbox" aria-label="Select all that are shown" checked=${all} onChange=${() => setPicked(all ? new Set() : new Set(letters.map(l => l.id)))} /></th>
      <th scope="col">Reason</th><th scope="col">Kind</th><th scope="col" class="serve-wide">Chat</th><th scope="col" class="serve-wide">Attempts</th><th scope="col">Given up</th></tr></thead>
    <tbody>${letters.map(l => html`<tr key=${l.id} class=${l.id === letterId ? 'current' : ''}>
      <td><input type="checkbox" aria-label=${`Select update ${l.update_id ?? l.id}`} checked=${picked.has(l.id)} onChange=${() => pick(l.id)} /></td>
      <td><a id=${`letter-${l.id}`} class="serve-reason" aria-current=${l.id === letterId ? 'true' : undefined} href=${place({bot: bot.name, tab: 'dead', copy: copy || null, letter: l.id})}>${l.why || 'no reason'}</a></td>
      <td class="mono">${l.kind || '?'}</td><td class="serve-wide tabular">${l.chat || ''}</td><td class="serve-wide tabular">${l.attempts || ''}</td>
      <td class="serve-when">${l.buried && html`<${Age} at=${l.buried} /> ago`}</td></tr>`)}</tbody></table>`;
}

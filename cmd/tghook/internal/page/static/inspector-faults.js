// Faults: what goes wrong between Telegram and the bot when one wants to see it.
import {html, useEffect, useMemo, useState} from './vendor/preact.js';
import {useStore} from './store.js';
import {Dialog} from './dialog.js';
import {Icon} from './icons.js';
import {toast} from './toast.js';
import {asking, botPath, chatPath} from './api.js';

/** Faults by one button. `body` is what the API gets. */
const buttons = [
  {title: 'Duplicate', hint: 'The next update is delivered twice.', body: {delivery: {again: true}}},
  {title: 'Two at once', hint: 'The next update is delivered twice at the same time.', body: {delivery: {again_at_once: true}}},
  {title: 'Slow', hint: 'The next update is delivered 10 s late.', body: {delivery: {delay: '10s'}}},
  {title: 'Drop the answer', hint: 'The bot’s next answer is lost, and the update comes again.', body: {delivery: {cut_after: true}}},
  {title: '429', hint: 'The next call is refused: too many requests, for 3 s.', body: {error: {code: 429, retry_after: 3}}},
  {title: '502', hint: 'The next call fails with 502 Bad Gateway.', body: {scenario: 'bad_gateway'}},
  {title: 'Outage of a minute', hint: 'The webhook cannot be reached for a minute. Time is compressed.', body: {outage: '1m'}},
  {title: 'Outage of a day', hint: 'The webhook cannot be reached for a day. Time is compressed.', body: {outage: '24h'}},
  {title: '409', hint: 'The next getUpdates fails: another program polls with the same token.', body: {scenario: 'conflict_poll'}},
];

export function Faults({store, api, bot, chat, onClose}) {
  const [scenarios, setScenarios] = useState([]);
  const [active, setActive] = useState([]);
  const [error, setError] = useState('');
  const path = botPath(bot.id) + '/faults';
  const {load, end} = useMemo(() => asking(() => api.get(path), setActive, err => setError(err.message)), []);
  useEffect(() => {
    load();
    api.get('/api/scenarios').then(setScenarios, err => setError(err.message));
    const ends = ['fault', 'row'].map(kind => api.on(kind, event => { if (kind === 'fault' || event.row?.fault) load(); }));
    return () => [end, ...ends].forEach(f => f());
  }, []);
  const add = async (body, title) => {
    try {
      await api.post(path, {times: 1, ...body});
      toast(`Set: ${title}`);
      setError('');
    } catch (err) {
      setError(err.message);
    }
    load();
  };
  return html`<${Dialog} title="Faults" wide className="inspector-faults" onClose=${onClose}>
    ${error && html`<p class="inspector-verdict failed" role="alert">${error}</p>`}
    <${Active} active=${active} remove=${async fault => { await api.del(`${path}/${encodeURIComponent(fault.id)}`).catch(err => setError(err.message)); load(); }} />
    <h3>By one button</h3>
    <div class="inspector-buttons">
      ${buttons.map(b => html`<button key=${b.title} class="button" title=${b.hint} onClick=${() => add(b.body, b.title)}><strong>${b.title}</strong><span>${b.hint}</span></button>`)}
      <${Acts} store=${store} api=${api} bot=${bot} chat=${chat} add=${add} setError=${setError} />
    </div>
    <${Scenarios} scenarios=${scenarios} chat=${chat} add=${add} />
  </${Dialog}>`;
}

function Active({active, remove}) {
  if (active.length === 0) return html`<p class="inspector-hint">No fault is set. A fault ends by itself when it has happened.</p>`;
  return html`<h3>Set now</h3><ul class="inspector-active">
    ${active.map(fault => html`<li key=${fault.id}>
      <span><strong>${nameOf(fault)}</strong> ${where(fault.match)}</span>
      <span class="badge warn">${fault.outage ? 'running' : fault.left > 0 ? `${fault.left} left` : 'until removed'}</span>
      <button class="button small" aria-label=${`Remove ${nameOf(fault)}`} onClick=${() => remove(fault)}>Remove</button>
    </li>`)}</ul>`;
}

function nameOf(fault) { return fault.title || fault.scenario || 'Fault'; }

function where(match) {
  const parts = Object.entries(match ?? {}).filter(([, value]) => value).map(([key, value]) => `${key} ${value}`);
  return parts.length > 0 && html`<span class="inspector-hint">for ${parts.join(', ')}</span>`;
}

/** What users do that makes a bot's calls fail: block it, and upgrade the group. */
function Acts({store, api, bot, chat, add, setError}) {
  const as = useStore(store, s => s.as);
  const blocked = chat?.blocked;
  const run = (path, body, note) => api.post(path, body).then(() => { toast(note); setError(''); }, err => setError(err.message));
  const private_ = !chat || chat.type === 'private';
  return html`
    ${private_ && html`<button class="button" onClick=${() => run(`${botPath(bot.id)}/users/${encodeURIComponent(as)}/${blocked ? 'unblock' : 'block'}`, {}, blocked ? 'Unblocked' : 'The bot is blocked')}>
      <strong>${blocked ? 'Unblock' : 'Blocked by the user'}</strong><span>${blocked ? 'You let the bot write again.' : 'You block the bot. Its calls fail with 403 until you unblock it.'}</span></button>`}
    ${chat?.type !== 'group' && html`<button class="button" onClick=${() => add({scenario: 'migrated'}, 'Migrate')}>
      <strong>Migrate</strong><span>The next call fails: the group has become a supergroup.</span></button>`}
    ${chat?.type === 'group' && html`<button class="button" onClick=${() => run(`${chatPath(bot.id, chat.id)}/upgrade`, {as}, 'The group is a supergroup now')}>
      <strong>Migrate</strong><span>The group becomes a supergroup with another id.</span></button>`}`;
}

/** All named errors, each with where and how often it happens. */
function Scenarios({scenarios, chat, add}) {
  const [text, setText] = useState('');
  const [method, setMethod] = useState('');
  const [times, setTimes] = useState(1);
  const [here, setHere] = useState(false);
  const found = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return scenarios.filter(s => words.every(word => `${s.name} ${s.title} ${s.code} ${s.description} ${(s.methods ?? []).join(' ')}`.toLowerCase().includes(word)));
  }, [text, scenarios]);
  const set = scenario => {
    const match = {};
    if (method.trim()) match.method = method.trim();
    if (here && chat) match.chat = chat.id;
    add({scenario: scenario.name, times, ...(Object.keys(match).length > 0 ? {match} : {})}, scenario.title ?? scenario.name);
  };
  return html`<h3>Errors by name</h3>
    <div class="inspector-match">
      <input class="field" type="search" placeholder="Find an error" aria-label="Find an error" value=${text} onInput=${e => setText(e.currentTarget.value)} />
      <input class="field" placeholder="Any method" aria-label="Only for this method" value=${method} onInput=${e => setMethod(e.currentTarget.value)} />
      <label>Times <input class="field" type="number" min="0" max="1000" aria-describedby="inspector-times" value=${times} onInput=${e => setTimes(Math.max(0, Number(e.currentTarget.value) || 0))} /></label>
      ${chat && html`<button class="chip" aria-pressed=${String(here)} onClick=${() => setHere(!here)}>This chat alone</button>`}
    </div>
    <p class="inspector-hint" id="inspector-times">With 0 it happens until it is removed.</p>
    <ul class="inspector-scenarios">${found.map(s => html`<li key=${s.name}>
      <div><strong>${s.title ?? s.name}</strong> <span class="badge danger">${s.code || (s.retry_after ? 429 : 'cut')}</span>
        <code>${s.description}</code>
        ${s.methods?.length > 0 && html`<span class="inspector-hint">${s.methods.slice(0, 4).join(', ')}${s.methods.length > 4 ? ` and ${s.methods.length - 4} more` : ''}</span>`}
        ${s.advice && html`<span class="inspector-hint">${s.advice}</span>`}</div>
      <button class="button small" aria-label=${`Set ${s.title ?? s.name}`} onClick=${() => set(s)}><${Icon} name="bolt" size=${14} /> Set</button>
    </li>`)}</ul>
    ${found.length === 0 && scenarios.length > 0 && html`<p class="inspector-none">No error has these words.</p>`}`;
}

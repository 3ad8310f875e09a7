// The page of tghook serve: the bots in service, what passes through, and what is stuck.
import {html, render, useEffect} from './vendor/preact.js';
import {Api} from './api.js';
import {setClock} from './age.js';
import {Store, useStore} from './store.js';
import {parse, go} from './route.js';
import {register, listen} from './commands.js';
import {applyTheme, switchTheme} from './theme.js';
import {Dialogs} from './dialog.js';
import {Toasts} from './toast.js';
import {BotList, openBot, openKeys, stateOf} from './serve-bots.js';
import {Bot, tabs} from './serve-bot.js';

const api = new Api('/api/stream');
const store = new Store({
  ready: false, connected: true, failure: '', version: '', newer: '', user: '', history: {on: true, bodies: true}, bots: [], problem: '',
  route: parse(location.hash),
}, {pause: 30});
const phone = matchMedia('(max-width: 760px)');

/** The bot that is shown; null if none is. */
function shown({bots, route}) {
  if (route.bot === null) return phone.matches ? null : bots[0] ?? null;
  return bots.find(b => b.name === route.bot) ?? null;
}

function nameOf(bot) { return bot?.name ?? ''; }

/** Loads what there is. */
async function load() {
  const name = store.state.route.bot ?? nameOf(shown(store.state));
  const state = await api.get(`/api/state?${new URLSearchParams({bot: name})}`);
  setClock(state.at);
  const {version} = store.state;
  store.set({
    user: state.user, history: state.history, bots: state.bots, problem: state.problem ?? '',
    version: version || state.version, newer: version && version !== state.version ? state.version : '',
  });
  return state;
}

const reload = () => load().catch(() => {}); // the stream tells later

let followed = null; // the bot whose rows the stream has

/** Lets the stream tell of the bot that is shown. */
function follow(seq) {
  const name = nameOf(shown(store.state));
  if (name === followed && seq === undefined) return;
  followed = name;
  api.connect(seq ?? api.last, {bot: name});
}

function listenToEvents() {
  api.on('open', () => {
    const lost = !store.state.connected;
    store.set({connected: true, failure: ''});
    if (lost) reload();
  });
  api.on('lost', () => {
    if (store.state.connected) load().catch(err => store.set({failure: err.status ? err.message : ''})); // a browser asks for a new password here
    store.set({connected: false});
  });
  api.on('state', event => store.set({bots: event.bots, problem: event.problem ?? ''}));
}

function step(by) {
  const {bots} = store.state;
  const i = bots.indexOf(shown(store.state));
  if (bots.length > 0) openBot(bots[(i + by + bots.length) % bots.length].name);
}

function keys() {
  const group = 'Page';
  register({id: 'page.help', title: 'This help', keys: '?', group, run: openKeys});
  register({id: 'page.theme', title: 'Dark or light', keys: 't', group, run: switchTheme});
  register({id: 'page.next', title: 'Next bot', keys: 'alt+down', group, run: () => step(1)});
  register({id: 'page.previous', title: 'Previous bot', keys: 'alt+up', group, run: () => step(-1)});
  tabs.forEach((tab, i) => register({id: `page.${tab.name}`, title: tab.title, keys: String(i + 1), group, run: () => {
    const bot = shown(store.state);
    if (bot) go({bot: bot.name, tab: tab.name, row: null, letter: null});
  }}));
  register({id: 'page.escape', title: 'Leave the field; close what is open; on a phone: back to the bots', keys: 'escape', group, run: () => {
    const {row, letter} = store.state.route;
    if (document.activeElement?.matches('input, textarea, select')) document.activeElement.blur();
    else if (row !== null || letter !== null) go({row: null, letter: null});
    else if (phone.matches) go({bot: null, tab: null, copy: null});
  }});
  listen();
}

function App() {
  const s = useStore(store, s => s);
  const bot = s.ready ? shown(s) : null;
  const trouble = s.bots.filter(b => stateOf(b).kind === 'danger').length;
  useEffect(() => {
    document.title = `${trouble ? `(${trouble}) ` : ''}${bot ? `${bot.name} · ` : ''}tghook serve`;
  }, [trouble, bot?.name]);
  if (!s.ready) return html`<div class="boot"><span class="spinner big" aria-hidden="true"></span><p role="status">${s.failure ? `${s.failure} Trying again.` : 'Loading'}</p></div>`;
  return html`<div class=${'serve' + (s.route.bot !== null ? ' has-bot' : '')}>
    ${!s.connected && html`<div class="lost" role="alert"><span class="spinner"></span> ${s.failure || 'The gateway has gone'}: reconnecting</div>`}
    <${BotList} bots=${s.bots} shown=${nameOf(bot)} tab=${s.route.tab} version=${s.version} user=${s.user} />
    <main class="serve-main">
      ${s.newer && html`<p class="serve-notice" role="status">The gateway runs tghook ${s.newer} now. <button class="button small" onClick=${() => location.reload()}>Reload the page</button></p>`}
      ${s.problem && html`<p class="serve-notice failed" role="alert">The history cannot be read: ${s.problem}</p>`}
      ${bot ? html`<${Bot} key=${bot.name} api=${api} bot=${bot} route=${s.route} history=${s.history} reload=${reload} />` : html`<${NoBot} route=${s.route} bots=${s.bots} />`}
    </main>
    <${Dialogs} /><${Toasts} />
  </div>`;
}

function NoBot({route, bots}) {
  if (route.bot !== null) return html`<div class="serve-empty"><h1>There is no bot ${route.bot}</h1><p>It may have been removed.</p>
    <button class="button" onClick=${() => go({bot: null, tab: null, copy: null, letter: null, row: null})}>Show the bots</button></div>`;
  return html`<div class="serve-empty">${bots.length > 0 ? html`<p>Choose a bot.</p>`
    : html`<h1>No bots yet</h1><p>Add one to the configuration file, or over the admin API.</p>`}</div>`;
}

addEventListener('hashchange', () => store.set({route: parse(location.hash)}));
phone.addEventListener('change', () => store.set({route: {...store.state.route}}));
store.subscribe(s => { if (s.ready) follow(); });

async function start() {
  applyTheme();
  keys();
  render(html`<${App} />`, document.getElementById('app'));
  listenToEvents();
  for (;;) {
    try {
      const {seq} = await load();
      follow(seq);
      store.set({ready: true});
      return;
    } catch (err) {
      store.set({failure: err.message});
      await new Promise(resolve => setTimeout(resolve, 1000));
    }
  }
}

start();

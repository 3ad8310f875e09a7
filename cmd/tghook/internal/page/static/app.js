// The page: it loads what there is, follows the events, and lays out chats, chat and inspector.
import {html, render, useEffect, useRef, useState} from './vendor/preact.js';
import {Api, botPath} from './api.js';
import {Store, useStore, keep, kept} from './store.js';
import {Unread} from './unread.js';
import {parse, go} from './route.js';
import {register, listen} from './commands.js';
import {applyTheme, switchTheme} from './theme.js';
import {BotSwitch, HowTo, UserBar, actAs, nextUser} from './people.js';
import {Chats} from './chats.js';
import {ordered} from './summary.js';
import {Chat} from './chat.js';
import {newChat} from './newchat.js';
import {openHelp} from './help.js';
import {Dialogs} from './dialog.js';
import {Menus} from './menu.js';
import {Toasts} from './toast.js';
import {Inspector} from './inspector.js';
import {Icon} from './icons.js';
import {summary} from './service.js';
import {author} from './bubble.js';
import {userName} from './format.js';

const api = new Api();
const store = new Store({
  ready: false, connected: true, started: null, version: '', speed: 1, epoch: 0, stale: 0,
  bots: [], bot: null, users: [], as: null, chats: {}, chat: null, unread: {}, route: parse(location.hash),
  inspectorOpen: kept('localStorage', 'tghook.inspector', innerWidth >= 1360), said: '',
}, {pause: 30});
const unread = new Unread(api, store);

/** Loads bots and users anew, and says where the events go on. */
async function load() {
  const state = await api.get('/api/state');
  const users = state.users ?? [];
  const wanted = store.state.as ?? kept('sessionStorage', 'tghook.as', null);
  const as = users.some(u => u.id === wanted) ? wanted : users[0]?.id ?? null;
  store.set({started: state.started, version: state.version, speed: state.speed ?? 1, bots: state.bots ?? [], users, as});
  unread.open();
  settle();
  await loadChats();
  store.set({ready: true});
  return state;
}

/** Chooses what to show where the address does not say. */
function settle() {
  const {bots, route, as} = store.state;
  const bot = bots.find(b => String(b.id) === route.bot || b.username === route.bot) ?? bots[0] ?? null;
  store.set({bot: bot?.id ?? null, chat: route.chat});
  if (bot && route.chat === null && route.row === null && !phone.matches) go({bot: bot.id, chat: openChat(bot, as)});
}

function openChat(bot, as) {
  const first = ordered(store.state.chats[bot.id], bot, as)[0];
  return first?.id ?? as;
}

const phone = matchMedia('(max-width: 760px)');

async function loadChats() {
  const {bots, as} = store.state;
  if (as === null) return;
  await Promise.all(bots.map(b => loadChatsOf(b.id, true)));
}

/** The chat with its newest message: an event may have told of one that the answer does not know yet. */
function newer(known, chat) {
  return known?.told > chat.last_seq ? {...chat, last_message: known.last_message, told: known.told} : chat;
}

async function loadChatsOf(bot, count = false) {
  const {as} = store.state;
  try {
    const chats = await api.get(`${botPath(bot)}/chats?as=${as}`);
    if (as !== store.state.as) return;
    const known = store.state.chats[bot] ?? [];
    store.set({chats: {...store.state.chats, [bot]: chats.map(c => newer(known.find(k => k.id === c.id), c))}});
    unread.load(bot, count ? chats : chats.filter(c => !known.some(k => k.id === c.id)));
  } catch (err) {
    console.error(err);
  }
}

/** Runs f once for many calls that come close together. */
function gathered(f, wait) {
  const waiting = new Map();
  return key => {
    if (waiting.has(key)) return;
    waiting.set(key, setTimeout(() => {
      waiting.delete(key);
      Promise.resolve(f(key)).catch(err => console.warn(err)); // it has gone; what comes after the next open tells
    }, wait));
  };
}

const reloadChats = gathered(bot => loadChatsOf(bot), 150);
const reloadBots = gathered(async () => {
  const bots = await api.get('/api/bots');
  const known = new Set(store.state.bots.map(b => b.id));
  store.set({bots});
  settle();
  for (const b of bots) if (!known.has(b.id)) loadChatsOf(b.id);
}, 100);
const reloadUsers = gathered(async () => store.set({users: await api.get('/api/users')}), 100);

function isOpen(e) {
  const {bot, route} = store.state;
  return String(e.bot) === String(bot) && String(e.chat) === String(route.chat);
}

function received(e) {
  const {chats, as} = store.state;
  const list = chats[e.bot];
  const chat = list?.find(c => String(c.id) === String(e.chat));
  if (!e.message || !chat) {
    if (String(e.chat) === String(as) || Number(e.chat) < 0) reloadChats(e.bot);
    return;
  }
  store.set({chats: {...chats, [e.bot]: list.map(c => c === chat ? {...c, last_message: e.message, told: e.seq} : c)}});
  unread.receive(e.bot, e.chat, e.message);
  if (isOpen(e) && String(e.message.from?.id) !== String(as)) store.set({said: `${userName(author(e.message))}: ${summary(e.message)}`});
}

function changed(e) {
  const {chats} = store.state;
  const list = chats[e.bot];
  const id = e.message_id ?? e.message?.message_id;
  if (list?.some(c => String(c.id) === String(e.chat) && c.last_message?.message_id === id)) reloadChats(e.bot);
}

/** Begins anew: the command restarted, or forgot what it knew. */
async function again() {
  const state = await load();
  store.set({epoch: store.state.epoch + 1});
  if (api.last === null || api.last < state.seq) api.connect(state.seq);
}

function follow() {
  api.on('open', async () => {
    const lost = !store.state.connected;
    store.set({connected: true});
    if (!lost) return;
    try {
      const state = await api.get('/api/state');
      if (state.started !== store.state.started) await again();
    } catch { /* it has gone again; the next open tells */ }
  });
  api.on('lost', () => store.set({connected: false}));
  api.on('reset', async () => {
    try {
      await again();
    } catch { /* the stream opens again, and then loads */ }
  });
  api.on('message', received);
  for (const kind of ['edit', 'delete']) api.on(kind, changed);
  for (const kind of ['chat', 'member']) api.on(kind, e => reloadChats(e.bot));
  for (const kind of ['bot', 'webhook']) api.on(kind, () => reloadBots('all'));
  api.on('user', () => reloadUsers('all'));
  api.on('time', async () => {
    try {
      store.set({speed: (await api.get('/api/time')).speed});
    } catch { /* it has gone; what comes after the next open tells */ }
  });
}

function keys() {
  const group = 'Page';
  register({id: 'page.help', title: 'This help', keys: '?', group, run: () => openHelp()});
  register({id: 'page.inspector', title: 'Inspector', keys: 'i', group, run: () => store.set({inspectorOpen: !store.state.inspectorOpen})});
  register({id: 'page.user', title: 'Act as the next user', keys: 'u', group, run: () => nextUser(store)});
  for (let i = 1; i <= 9; i++) {
    register({id: `page.user${i}`, title: `Act as user ${i}`, keys: `alt+${i}`, group: 'Users', run: () => { const u = store.state.users[i - 1]; if (u) actAs(store, u.id); }, when: () => store.state.users.length >= i});
  }
  register({id: 'page.theme', title: 'Dark or light', keys: 't', group, run: switchTheme});
  register({id: 'page.find', title: 'Find a chat', keys: 'mod+k', group, run: () => document.getElementById('chat-filter')?.focus()});
  register({id: 'page.new', title: 'New group or channel', keys: 'n', group, run: () => newChat(api, store)});
  register({id: 'page.next', title: 'Next chat', keys: 'alt+down', group, run: () => step(1)});
  register({id: 'page.previous', title: 'Previous chat', keys: 'alt+up', group, run: () => step(-1)});
  register({id: 'page.escape', title: 'Leave the field; on a phone: back to the chats', keys: 'escape', group, run: () => {
    if (store.state.route.row !== null) go({row: null});
    else if (/^(input|textarea)$/i.test(document.activeElement?.tagName ?? '')) document.querySelector('.messages [data-message][tabindex="0"]')?.focus();
    else if (phone.matches) go({chat: null});
  }});
  listen();
}

function step(by) {
  const {bots, bot: id, chats, as, route} = store.state;
  const bot = bots.find(b => b.id === id);
  if (!bot) return;
  const list = ordered(chats[id], bot, as);
  const i = list.findIndex(c => String(c.id) === String(route.chat));
  go({bot: id, chat: list[(i + by + list.length) % list.length].id});
}

function App() {
  const s = useStore(store, s => s);
  useEffect(() => {
    if (s.ready) loadChats();
  }, [s.as, s.stale]);
  useEffect(() => {
    const total = Object.values(s.unread).reduce((sum, n) => sum + n, 0);
    document.title = (total ? `(${total}) ` : '') + 'tghook dev';
  }, [s.unread]);
  if (!s.ready) return html`<div class="boot"><span class="spinner big" aria-hidden="true"></span><p role="status">${s.connected ? 'Loading' : 'The command does not answer. Trying again.'}</p></div>`;
  const bot = s.bots.find(b => b.id === s.bot) ?? null;
  const found = bot && s.route.chat !== null ? ordered(s.chats[bot.id], bot, s.as).find(c => String(c.id) === s.route.chat) : null;
  const foreign = bot && s.route.chat !== null && !found && s.chats[bot.id];
  const chat = found ?? null;
  const side = s.inspectorOpen || s.route.row !== null;
  return html`<div class=${['app', chat ? 'has-chat' : '', side ? 'has-inspector' : ''].join(' ')}>
    ${!s.connected && html`<div class="lost" role="alert"><span class="spinner"></span> The command has gone: reconnecting</div>`}
    <div class="side"><${BotSwitch} api=${api} store=${store} /><${Chats} api=${api} store=${store} /><${UserBar} api=${api} store=${store} /></div>
    ${chat ? html`<${Chat} api=${api} store=${store} unread=${unread} bot=${bot} chat=${chat} />`
      : html`<main class="nothing">${bot ? html`<div class="welcome"><p>${foreign ? 'This chat is not one of the acting user’s.' : 'Choose a chat.'}</p></div>` : html`<${Welcome} />`}</main>`}
    ${side && html`<${Panel} bot=${bot} chat=${chat} />`}
    <div class="visually-hidden" aria-live="polite">${s.said}</div>
    <${Dialogs} /><${Menus} /><${Toasts} />
  </div>`;
}

function Welcome() {
  return html`<div class="welcome"><img src="/page/icon.svg" alt="" width="72" height="72" /><h1>A Telegram on your desk</h1><${HowTo} /></div>`;
}

/** The inspector, with an edge to drag. */
function Panel({bot, chat}) {
  const ref = useRef();
  const [width, setWidth] = useState(kept('localStorage', 'tghook.inspectorWidth', 460));
  const bounded = w => Math.max(300, Math.min(w, innerWidth - 420));
  const resize = w => {
    const next = bounded(w);
    setWidth(next);
    keep('localStorage', 'tghook.inspectorWidth', next);
  };
  const drag = e => {
    e.preventDefault();
    e.target.setPointerCapture(e.pointerId);
    const move = ev => resize(innerWidth - ev.clientX);
    const end = () => {
      e.target.removeEventListener('pointermove', move);
      e.target.removeEventListener('pointerup', end);
    };
    e.target.addEventListener('pointermove', move);
    e.target.addEventListener('pointerup', end);
  };
  const close = () => {
    store.set({inspectorOpen: false});
    go({row: null});
  };
  return html`<aside class="inspector" aria-label="Inspector" ref=${ref} style=${{'--inspector-width': `${width}px`}}>
    <div class="resizer" role="separator" tabindex="0" aria-orientation="vertical" aria-label="Width of the inspector" aria-valuenow=${Math.round(width)} aria-valuemin="300" aria-valuemax="1200"
      onPointerDown=${drag} onKeyDown=${e => { const by = {ArrowLeft: 24, ArrowRight: -24}[e.key]; if (by) { e.preventDefault(); resize(width + by); } }}></div>
    <button type="button" class="icon-button inspector-close" aria-label="Close the inspector" title="Close (I)" onClick=${close}><${Icon} name="close" /></button>
    <${Inspector} store=${store} api=${api} bot=${bot} chat=${chat} />
  </aside>`;
}

addEventListener('hashchange', () => {
  store.set({route: parse(location.hash)});
  if (store.state.ready) settle();
});
const last = {as: null, inspectorOpen: store.state.inspectorOpen};
store.subscribe(s => {
  if (s.as !== last.as) {
    last.as = s.as;
    keep('sessionStorage', 'tghook.as', s.as);
    if (s.ready) unread.open();
  }
  if (s.inspectorOpen !== last.inspectorOpen) {
    last.inspectorOpen = s.inspectorOpen;
    keep('localStorage', 'tghook.inspector', s.inspectorOpen);
  }
});

async function start() {
  applyTheme();
  keys();
  render(html`<${App} />`, document.getElementById('app'));
  follow();
  for (;;) {
    try {
      const state = await load();
      api.connect(state.seq);
      return;
    } catch (err) {
      console.error(err);
      store.set({connected: false});
      await new Promise(resolve => setTimeout(resolve, 700));
    }
  }
}

start();

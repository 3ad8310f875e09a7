// The users to act as, and the bots.
import {html, useState} from './vendor/preact.js';
import {useStore} from './store.js';
import {Avatar} from './avatar.js';
import {Icon} from './icons.js';
import {Dialog, show} from './dialog.js';
import {openMenu} from './menu.js';
import {attempt, toast} from './toast.js';
import {copyText} from './clipboard.js';
import {formDialog} from './keyboard.js';
import {switchTheme} from './theme.js';
import {openHelp} from './help.js';
import {go} from './route.js';
import {userName} from './format.js';

/** Acts as another user from now on. A private chat is the new user's own. */
export function actAs(store, id) {
  const {as, route} = store.state;
  if (id === as) return;
  const user = store.state.users.find(u => u.id === id);
  const own = String(route.chat) === String(as);
  store.set({as: id});
  if (own) go({chat: id});
  toast(`You act as ${userName(user)}`);
}

export function nextUser(store, by = 1) {
  const {users, as} = store.state;
  const i = users.findIndex(u => u.id === as);
  if (users.length > 1) actAs(store, users[(i + by + users.length) % users.length].id);
  else toast('There is one user only. Add another in the list of users.');
}

/** The bar below the list of chats: who acts. */
export function UserBar({api, store}) {
  const {users, as} = useStore(store, s => s);
  const user = users.find(u => u.id === as);
  const open = e => openMenu({anchor: e.currentTarget, label: 'Act as', items: [
    ...users.map((u, i) => ({text: userName(u), picture: html`<${Avatar} id=${u.id} name=${userName(u)} size="tiny" />`, checked: u.id === as, hint: i < 9 ? `Alt ${i + 1}` : undefined, run: () => actAs(store, u.id)})),
    null,
    {text: 'Add a user', icon: 'plus', run: () => userForm(api, store, null)},
    user && {text: `Change ${userName(user)}`, icon: 'edit', run: () => userForm(api, store, user)},
  ]});
  return html`<div class="user-bar">
    <button type="button" class="user-button" aria-haspopup="menu" title="Next user: U" onClick=${open}>
      <${Avatar} id=${as} name=${userName(user)} size="small" /><span class="user-text"><span class="muted">Acting as</span><b class="ellipsis">${userName(user)}</b></span><span class="visually-hidden">Choose another user</span><${Icon} name="up" size=${16} /></button>
    <button type="button" class="icon-button" aria-label="Dark or light" title="Dark or light (T)" onClick=${switchTheme}><${Icon} name="moon" /></button>
    <button type="button" class="icon-button" aria-label="Help and keys" title="Help (?)" onClick=${() => openHelp()}><${Icon} name="help" /></button>
  </div>`;
}

async function userForm(api, store, user) {
  const values = await formDialog(user ? 'Change the user' : 'New user', [
    {name: 'name', label: 'Name', value: user ? userName(user) : ''},
    {name: 'username', label: 'Username', value: user?.username ?? '', required: false},
    {name: 'language', label: 'Language code', value: user?.language ?? 'en', required: false},
    {name: 'premium', label: 'Telegram Premium', value: user?.premium ? 'yes' : 'no', options: [{value: 'no', text: 'No'}, {value: 'yes', text: 'Yes'}]},
  ], user ? 'Save' : 'Add');
  if (!values) return;
  await attempt(async () => {
    const body = {name: values.name, username: values.username.replace(/^@/, ''), language: values.language, premium: values.premium === 'yes'};
    const made = user ? await api.patch(`/api/users/${user.id}`, body) : await api.post('/api/users', body);
    store.set({users: await api.get('/api/users')});
    if (!user && made?.id) actAs(store, made.id);
  });
}

/** The head of the list of chats: which bot. */
export function BotSwitch({api, store}) {
  const {bots, bot: id, unread} = useStore(store, s => s);
  const bot = bots.find(b => b.id === id);
  const elsewhere = bots.some(b => b.id !== id && Object.entries(unread).some(([key, n]) => n && key.startsWith(`${b.id}/`)));
  const open = e => openMenu({anchor: e.currentTarget, label: 'Bots', point: {x: 8, y: e.currentTarget.getBoundingClientRect().bottom + 4}, items: [
    ...bots.map(b => ({text: `${b.name || b.username}  @${b.username}`, picture: html`<${Avatar} id=${b.id} name=${b.name || b.username} size="tiny" />`, checked: b.id === id, run: () => go({bot: b.id, chat: null, row: null})})),
    bots.length > 0 && null,
    {text: 'Add a bot', icon: 'plus', run: () => addBot(api, store)},
    {text: 'How a bot gets here', icon: 'help', run: () => show(close => html`<${Dialog} title="How a bot gets here" onClose=${() => close()}><${HowTo} /></${Dialog}>`)},
  ]});
  return html`<button type="button" class="bot-switch" aria-haspopup="menu" onClick=${open}>
    ${bot ? html`<${Avatar} id=${bot.id} name=${bot.name || bot.username} />` : html`<span class="avatar"><${Icon} name="bot" /></span>`}
    <span class="bot-text"><b class="ellipsis">${bot ? bot.name || bot.username : 'No bot yet'}</b><span class="muted ellipsis">${bot ? `@${bot.username}` : 'waiting for its first call'}</span></span>
    <span class="visually-hidden">Choose a bot</span>${elsewhere && html`<span class="dot" aria-hidden="true"></span>`}<${Icon} name="down" size=${18} /></button>`;
}

async function addBot(api, store) {
  const values = await formDialog('Add a bot', [
    {name: 'token', label: 'Token', value: `${100000 + Math.floor(Math.random() * 900000)}:desk-token-of-a-bot-that-is-not-real-`.slice(0, 46), hint: 'Any token does: digits, a colon, and at least 20 more characters. It stays on this machine.'},
    {name: 'name', label: 'Name', value: 'My bot', required: false}, {name: 'username', label: 'Username', value: '', required: false, hint: 'It ends in “bot”.'},
  ], 'Add');
  if (!values) return;
  await attempt(async () => {
    const body = Object.fromEntries(Object.entries(values).filter(([, v]) => v));
    const bot = await api.post('/api/bots', body);
    store.set({bots: await api.get('/api/bots')});
    if (bot?.id) go({bot: bot.id, chat: null, row: null});
  });
}

/** What to do so that a bot is seen here. */
export function HowTo() {
  const [kind, setKind] = useState('poll');
  const url = location.origin;
  const line = kind === 'poll' ? url : `curl ${url}/bot123456:any-token-will-do-here-1/setWebhook -d url=http://127.0.0.1:8080/`;
  return html`<div class="how-to">
    <p>Start your bot with any token, and give its library this address in place of <span class="mono">https://api.telegram.org</span>. It is seen here with its first call.</p>
    <div class="chips" role="group" aria-label="How the bot gets its updates"><button type="button" class="chip" aria-pressed=${kind === 'poll'} onClick=${() => setKind('poll')}>It polls</button><button type="button" class="chip" aria-pressed=${kind === 'hook'} onClick=${() => setKind('hook')}>It has a webhook</button></div>
    <div class="copy-line"><code>${line}</code><button type="button" class="icon-button" aria-label="Copy" title="Copy" onClick=${() => copyText(line)}><${Icon} name="copy" size=${18} /></button></div>
    <p class="muted">The line to paste for a library: <span class="mono">tghook dev --for grammy</span>. No bot at hand: <span class="mono">tghook dev --demo</span>.</p>
  </div>`;
}

// About a chat: its members, its topics, the bot's place in it.
import {html, useState} from './vendor/preact.js';
import {Dialog, ask} from './dialog.js';
import {useStore} from './store.js';
import {Avatar} from './avatar.js';
import {Icon} from './icons.js';
import {attempt} from './toast.js';
import {botPath} from './api.js';
import {copyText} from './clipboard.js';
import {choose, formDialog} from './keyboard.js';
import {chatTitle} from './summary.js';
import {kindOf, userName} from './format.js';

export function ChatInfo({place, close}) {
  const {bot, chat, conversation} = place;
  const info = useStore(conversation, s => s.info);
  const [busy, setBusy] = useState(false);
  const act = f => async () => {
    setBusy(true);
    await attempt(f);
    await conversation.refresh();
    place.store.set({stale: place.store.state.stale + 1});
    setBusy(false);
  };
  const isPrivate = chat.type === 'private';
  return html`<${Dialog} title="About the chat" className="info" onClose=${() => close()}>
    <div class="info-head"><${Avatar} id=${isPrivate ? bot.id : chat.id} name=${chatTitle(chat, bot)} size="large" icon=${chat.is_forum ? 'forum' : chat.type} />
      <b>${chatTitle(chat, bot)}</b><span class="muted">${isPrivate ? `@${bot.username}` : kindOf(chat.is_forum ? 'group with topics' : chat.type)}</span></div>
    <dl class="facts">
      <dt>chat_id</dt><dd><button type="button" class="text-link tabular" title="Copy" onClick=${() => copyText(String(chat.id))}>${chat.id}</button></dd>
      ${isPrivate && html`<dt>Bot</dt><dd class="tabular">${bot.id}</dd>`}
      ${info?.bot_status && !isPrivate && html`<dt>Bot is</dt><dd>${kindOf(info.bot_status)}</dd>`}
    </dl>
    ${isPrivate ? html`<${Private} place=${place} info=${info} act=${act} busy=${busy} />` : html`<${Group} place=${place} info=${info} act=${act} busy=${busy} />`}
  </${Dialog}>`;
}

function Private({place, info, act, busy}) {
  const {api, bot, as, chat} = place;
  const user = `${botPath(bot.id)}/users/${as}`;
  const blocked = info?.blocked ?? chat.blocked;
  return html`${info?.commands?.length ? html`<h3>Commands</h3><ul class="plain">${info.commands.map(c => html`<li key=${c.command}><b>/${c.command}</b> <span class="muted">${c.description}</span></li>`)}</ul>` : null}
    <div class="dialog-foot"><button class="button" disabled=${busy} onClick=${act(() => place.start())}>Send /start</button>
    ${blocked ? html`<button class="button" disabled=${busy} onClick=${act(() => api.post(`${user}/unblock`))}>Unblock the bot</button>` : html`<button class="button danger" disabled=${busy} onClick=${act(() => api.post(`${user}/block`))}>Block the bot</button>`}</div>`;
}

function Group({place, info, act, busy}) {
  const {api, bot, chatUrl, as, users, chat} = place;
  const members = info?.members ?? [];
  const inside = id => members.some(m => String(m.user) === String(id) && !['left', 'kicked'].includes(m.status));
  const outside = users.filter(u => !inside(u.id));
  const add = act(async () => {
    const who = await choose('Who shall join?', outside.map(u => ({value: u.id, text: userName(u)})), Math.max(outside.length, 1));
    for (const id of who ?? []) await api.post(`${chatUrl}/join`, {as: id});
  });
  const topic = act(async () => {
    const values = await formDialog('New topic', [{name: 'name', label: 'Name'}], 'Make');
    if (values) await api.post(`${chatUrl}/topics`, {as, name: values.name});
  });
  const role = act(async () => {
    const to = await choose('The bot becomes', [{value: 'administrator', text: 'Administrator'}, {value: 'member', text: 'Member'}, {value: 'restricted', text: 'Restricted'}, {value: 'left', text: 'Removed from the chat'}, {value: 'kicked', text: 'Banned'}]);
    if (to) await api.put(`${chatUrl}/bot`, {as, status: to[0]});
  });
  const upgrade = act(async () => {
    if (await ask('Upgrade to a supergroup?', 'The chat gets a new id. The bot is told by migrate_to_chat_id, and calls with the old id fail.', 'Upgrade')) await api.post(`${chatUrl}/upgrade`, {as});
  });
  return html`<h3>Members</h3><ul class="plain members">${members.map(m => html`<li key=${m.user}><${Avatar} id=${m.user} name=${m.name} size="small" /><span class="ellipsis">${m.name}${m.user === bot.id ? html` <span class="badge tiny">bot</span>` : null}</span><span class="muted">${kindOf(m.status)}</span></li>`)}</ul>
    ${info?.topics?.length ? html`<h3>Topics</h3><ul class="plain">${info.topics.map(t => html`<li key=${t.thread_id}># ${t.name} <span class="muted tabular">${t.thread_id}</span>
      <button type="button" class="button small" disabled=${busy} onClick=${act(() => api.post(`${chatUrl}/topics/${t.thread_id}/${t.closed ? 'reopen' : 'close'}`, {as}))}>${t.closed ? 'Open again' : 'Close'}</button></li>`)}</ul>` : null}
    <div class="dialog-foot wrap">
      <button class="button" disabled=${busy || !outside.length} onClick=${add}><${Icon} name="plus" size=${16} /> Add members</button>
      ${chat.is_forum && html`<button class="button" disabled=${busy} onClick=${topic}>New topic</button>`}
      <button class="button" disabled=${busy} onClick=${role}>The bot's role</button>
      ${chat.type === 'group' && html`<button class="button" disabled=${busy} onClick=${upgrade}>Upgrade</button>`}
      ${inside(as) ? html`<button class="button danger" disabled=${busy} onClick=${act(() => api.post(`${chatUrl}/leave`, {as}))}>Leave</button>` : html`<button class="button" disabled=${busy} onClick=${act(() => api.post(`${chatUrl}/join`, {as}))}>Join</button>`}
    </div>`;
}

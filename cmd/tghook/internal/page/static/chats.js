// The list of chats of a bot, as one user sees it.
import {html, useState, useRef} from './vendor/preact.js';
import {useStore} from './store.js';
import {Avatar} from './avatar.js';
import {Icon} from './icons.js';
import {chatTitle, ordered} from './summary.js';
import {summary} from './service.js';
import {newChat} from './newchat.js';
import {shortTime, userName} from './format.js';

export function Chats({api, store}) {
  const s = useStore(store, s => s);
  const [filter, setFilter] = useState('');
  const list = useRef();
  const bot = s.bots.find(b => b.id === s.bot);
  if (!bot) return html`<div class="chats"></div>`;
  const chats = ordered(s.chats[bot.id], bot, s.as).filter(c => chatTitle(c, bot).toLowerCase().includes(filter.trim().toLowerCase()));
  const keys = e => {
    const rows = [...list.current.querySelectorAll('a')];
    const i = rows.indexOf(document.activeElement);
    const to = {ArrowDown: i + 1, ArrowUp: i - 1, Home: i < 0 ? undefined : 0, End: i < 0 ? undefined : rows.length - 1}[e.key];
    if (to === undefined || !rows.length) return;
    e.preventDefault();
    rows[Math.max(0, Math.min(to, rows.length - 1))].focus();
  };
  return html`<div class="chats" onKeyDown=${keys}>
    <div class="chats-tools"><label class="chats-search"><${Icon} name="search" size=${16} /><input id="chat-filter" type="search" placeholder="Find a chat" aria-label="Find a chat" value=${filter} onInput=${e => setFilter(e.target.value)} /></label>
      <button type="button" class="icon-button" aria-label="New group or channel" title="New group or channel (N)" onClick=${() => newChat(api, store)}><${Icon} name="plus" /></button></div>
    <nav aria-label="Chats"><ul class="chat-list" ref=${list}>${chats.map(c => html`<${Row} key=${c.id} chat=${c} bot=${bot} as=${s.as} current=${String(c.id) === String(s.route.chat)} unread=${s.unread[`${bot.id}/${c.id}`] ?? 0} />`)}</ul></nav>
    ${chats.length === 0 && html`<p class="muted pad">No chat is called so.</p>`}
  </div>`;
}

function Row({chat, bot, as, current, unread}) {
  const title = chatTitle(chat, bot);
  const m = chat.last_message;
  const own = m && String(m.from?.id) === String(as);
  const who = !m ? '' : own ? 'You: ' : chat.type === 'private' || chat.type === 'channel' ? '' : `${userName(m.from ?? m.sender_chat)}: `;
  return html`<li><a class="chat-row" href=${`#/${bot.id}/${chat.id}`} aria-current=${current ? 'page' : undefined}>
    <${Avatar} id=${chat.type === 'private' ? bot.id : chat.id} name=${title} icon=${chat.is_forum ? 'forum' : chat.type} />
    <span class="chat-row-text">
      <span class="chat-row-line"><b class="ellipsis">${title}</b>${m && html`<time class="muted tabular">${shortTime(m.date)}</time>`}</span>
      <span class="chat-row-line"><span class="muted ellipsis">${m ? html`${who && html`<span class="who">${who}</span>`}${summary(m)}` : chat.type === 'private' ? 'Not started yet' : chat.member === false ? 'You are not a member' : 'No messages'}</span>
      ${unread ? html`<span class="badge count" aria-label=${`${unread} unread`}>${unread > 99 ? '99+' : unread}</span>` : null}</span>
    </span></a></li>`;
}

// The chat that is open: its head, its messages and the field below.
import {html, useState, useEffect, useLayoutEffect, useMemo, useRef} from './vendor/preact.js';
import {Place} from './place.js';
import {useStore} from './store.js';
import {botPath, chatPath} from './api.js';
import {Conversation} from './conversation.js';
import {MessageList} from './list.js';
import {Composer, pollForm} from './composer.js';
import {attachments} from './attach.js';
import {draftOf} from './draft.js';
import {Search} from './search.js';
import {chatTitle, ordered} from './summary.js';
import {ChatInfo} from './info.js';
import {messageMenu} from './actions.js';
import {Avatar} from './avatar.js';
import {Icon} from './icons.js';
import {attempt, toast} from './toast.js';
import {show} from './dialog.js';
import {choose} from './keyboard.js';
import {register} from './commands.js';
import {go} from './route.js';
import {summary} from './service.js';
import {count, userName} from './format.js';

const doing = {
  typing: 'typing', upload_photo: 'sending a photo', record_video: 'recording a video', upload_video: 'sending a video', record_voice: 'recording a voice message',
  upload_voice: 'sending a voice message', upload_document: 'sending a file', choose_sticker: 'choosing a sticker', find_location: 'finding a location',
  record_video_note: 'recording a video message', upload_video_note: 'sending a video message',
};

/** Makes the conversation of a chat, and ends it when another is shown. */
function useConversation(api, bot, chat, as, thread, epoch, message) {
  const last = useRef(null);
  const conversation = useMemo(() => new Conversation(api, {bot, chat, as, thread}, last.current), [bot, chat, as, thread, epoch]);
  last.current = conversation;
  useEffect(() => () => conversation.end(), [conversation]);
  const opened = useRef(null); // the message that the conversation was opened with
  useEffect(() => {
    opened.current = message;
    conversation.open(message);
  }, [conversation]);
  useEffect(() => {
    if (message !== null && (conversation.state.loaded || message !== opened.current)) attempt(() => conversation.around(message));
  }, [message]);
  return conversation;
}

export function Chat({api, store, unread, bot, chat}) {
  const s = useStore(store, s => s);
  const [thread, setThread] = useState(null);
  const [searching, setSearching] = useState(null);
  const [over, setOver] = useState(false);
  const {as} = s;
  const conversation = useConversation(api, bot.id, chat.id, as, thread, s.epoch, s.route.message);
  const state = useStore(conversation, c => c);
  const {info} = state;
  const draft = draftOf(bot.id, chat.id, as);
  const key = `${bot.id}/${chat.id}`;
  const unreadAfter = useMemo(() => (s.unread[key] ? unread.mark(bot.id, chat.id) || -1 : 0), [conversation]);
  useLayoutEffect(() => { setThread(null); setSearching(null); }, [bot.id, chat.id]);

  const place = usePlaceOf({api, store, as, bot, chat, conversation, draft, thread, setSearching});
  const self = useRef();
  self.current = {place, draft, conversation};
  useChatCommands(self, store, setSearching);

  const onMenu = (message, anchor, point) => messageMenu(place, draft, message, anchor, point);
  const read = () => {
    const newest = conversation.state.messages[conversation.state.messages.length - 1];
    if (newest && thread === null) unread.read(bot.id, chat.id, newest.message_id);
  };
  const drop = e => {
    e.preventDefault();
    setOver(false);
    attachments(place, draft, [...e.dataTransfer.files]);
  };
  const dragged = e => {
    if (![...e.dataTransfer.types].includes('Files') || [...e.dataTransfer.types].includes('application/x-tghook')) return;
    e.preventDefault();
    setOver(true);
  };

  return html`<${Place.Provider} value=${place}>
    <main class=${'chat' + (over ? ' dropping' : '')} onDragOver=${dragged} onDragLeave=${e => { if (!e.currentTarget.contains(e.relatedTarget)) setOver(false); }} onDrop=${drop}>
      <${Head} place=${place} state=${state} store=${store} searching=${searching !== null} setSearching=${setSearching} />
      ${searching !== null && html`<${Search} query=${searching} setQuery=${setSearching} />`}
      ${info?.topics?.length ? html`<${Topics} topics=${info.topics} thread=${thread} choose=${setThread} />` : null}
      ${info?.pinned?.length ? html`<${Pinned} ids=${info.pinned} conversation=${conversation} />` : null}
      <${MessageList} key=${key + as + thread + s.epoch} conversation=${conversation} state=${state} as=${as} api=${api} chatUrl=${place.chatUrl} act=${place.act} unreadAfter=${unreadAfter} waiting=${s.unread[key] ?? 0}
        showAuthor=${chat.type !== 'private'} onMenu=${onMenu} onRead=${read} empty=${html`<${Empty} place=${place} />`} />
      <${Foot} chat=${chat} place=${place} state=${state} draft=${draft} />
      ${over && html`<div class="drop-note" aria-hidden="true"><${Icon} name="download" size=${40} /><b>Drop to send</b></div>`}
    </main></${Place.Provider}>`;
}

/**
 * All that the parts of a chat need to know and to do. The object stays the same while the chat is open, so that a message that
 * comes does not draw all others anew; what changes meanwhile is read when it is asked for.
 */
function usePlaceOf({api, store, as, bot, chat, conversation, draft, thread, setSearching}) {
  return useMemo(() => {
    const chatUrl = chatPath(bot.id, chat.id);
    const post = async body => {
      const answer = await api.post(`${chatUrl}/messages`, thread === null ? {as, ...body} : {as, thread, ...body});
      conversation.add(answer?.messages);
      return answer;
    };
    const start = payload => attempt(async () => {
      const answer = await api.post(`${botPath(bot.id)}/users/${as}/start`, payload ? {payload} : {});
      if (chat.type === 'private') conversation.add(answer?.messages ?? (answer?.message ? [answer.message] : []));
      if (String(chat.id) !== String(as)) go({chat: as});
    });
    return {
      api, store, bot, as, conversation, chatUrl, start,
      get chat() { return this.chats.find(c => c.id === chat.id) ?? chat; },
      get chats() { return ordered(store.state.chats[bot.id], bot, as); },
      get info() { return conversation.state.info; },
      get users() { return store.state.users; },
      get user() { return this.users.find(u => u.id === as); },
      send: post,
      sendFiles: async (fields, files) => {
        const form = new FormData();
        for (const [name, value] of Object.entries({as, ...(thread === null ? {} : {thread}), ...fields})) if (value !== undefined && value !== '') form.append(name, value);
        for (const file of files) form.append('file', file, file.name);
        const answer = await api.post(`${chatUrl}/messages`, form);
        conversation.add(answer?.messages);
        return answer;
      },
      edit: (message, text) => api.patch(`${chatUrl}/messages/${message.message_id}`, {as, text}),
      react: (message, emoji) => attempt(async () => {
        const mine = (message.x?.reactions ?? []).some(r => r.emoji === emoji && (r.users ?? []).some(u => String(u) === String(as)));
        await api.post(`${chatUrl}/messages/${message.message_id}/reactions`, {as, emoji: mine ? [] : [emoji]});
      }),
      compose: text => draft.compose(text),
      composeElsewhere: async text => {
        const to = await choose('Send to which chat?', ordered(store.state.chats[bot.id], bot, as).map(c => ({value: c.id, text: chatTitle(c, bot)})));
        if (!to) return;
        draftOf(bot.id, to[0], as).compose(text);
        go({chat: to[0]});
      },
      pollForm,
      act: {
        command: text => attempt(() => post({text})),
        hashtag: text => setSearching(text),
        deepLink: url => deepLink(url, bot, start),
      },
    };
  }, [api, bot, chat.id, as, conversation, draft, thread]);
}

/** What a link to this bot does: t.me/<bot>?start=... begins the chat with a payload. */
function deepLink(text, bot, start) {
  let url;
  try {
    url = new URL(/^[a-z]+:/i.test(text) ? text : 'https://' + text);
  } catch {
    return null;
  }
  const telegram = url.protocol === 'https:' && ['t.me', 'telegram.me'].includes(url.hostname);
  const name = telegram ? url.pathname.slice(1) : url.protocol === 'tg:' && url.host === 'resolve' ? url.searchParams.get('domain') : null;
  if (!name || name.toLowerCase() !== bot.username?.toLowerCase() || !url.searchParams.has('start')) return null;
  return () => start(url.searchParams.get('start'));
}

function useChatCommands(self, store, setSearching) {
  useLayoutEffect(() => {
    const group = 'Chat';
    const newest = own => self.current.conversation.state.messages.findLast(m => !m.x?.deleted && (own ? String(m.from?.id) === String(self.current.place.as) && m.text !== undefined : true));
    const off = [
      register({id: 'chat.search', title: 'Search in the chat', keys: '/ mod+f', group, run: () => setSearching(q => q ?? '')}),
      register({id: 'chat.reply', title: 'Reply to the message with the focus, or to the newest', keys: 'r', group, run: () => {
        const {draft, conversation} = self.current;
        const id = Number(document.activeElement?.dataset?.message);
        const message = conversation.state.messages.find(m => m.message_id === id) ?? newest(false);
        if (message) draft.answer(message);
      }}),
      register({id: 'chat.edit', title: 'Edit your newest message', keys: 'e', group, run: () => {
        const message = newest(true);
        if (message) self.current.draft.edit(message);
      }}),
      register({id: 'chat.write', title: 'Write a message', keys: 'm', group, run: () => document.getElementById('composer')?.focus()}),
      register({id: 'chat.messages', title: 'To the messages (then ↑ ↓, Enter for actions)', keys: 'l', group, run: () => document.querySelector('.messages [data-message][tabindex="0"]')?.focus()}),
      register({id: 'chat.info', title: 'About the chat', keys: 'c', group, run: () => openInfo(self.current.place)}),
    ];
    return () => off.forEach(f => f());
  }, []);
}

function openInfo(place) { show(close => html`<${ChatInfo} place=${place} close=${close} />`); }

function Head({place, state, store, searching, setSearching}) {
  const {bot, chat} = place;
  const inspector = useStore(store, s => s.inspectorOpen);
  const title = chatTitle(chat, bot);
  const busy = state.action && doing[state.action];
  const about = chat.type === 'private' ? 'bot' : chat.type === 'channel' ? `channel, ${count(state.info?.members?.length ?? 0, 'member')}` : count(state.info?.members?.length ?? 0, 'member');
  return html`<header class="chat-head">
    <a class="icon-button only-phone" href=${`#/${bot.id}`} aria-label="Back to the chats"><${Icon} name="back" /></a>
    <button type="button" class="chat-title" title="About the chat" onClick=${() => openInfo(place)}>
      <${Avatar} id=${chat.type === 'private' ? bot.id : chat.id} name=${title} icon=${chat.is_forum ? 'forum' : chat.type} />
      <span class="chat-title-text"><b class="ellipsis">${title}</b>
      <span class=${'ellipsis ' + (busy ? 'doing' : 'muted')}>${busy ? html`${busy}<span class="dots" aria-hidden="true"><i></i><i></i><i></i></span>` : about}</span></span>
    </button>
    <button type="button" class="icon-button" aria-label="Search in the chat" title="Search (/)" aria-pressed=${searching} onClick=${() => setSearching(searching ? null : '')}><${Icon} name="search" /></button>
    <button type="button" class="icon-button" aria-label="Inspector" title="Inspector (I)" aria-pressed=${inspector} onClick=${() => store.set({inspectorOpen: !inspector})}><${Icon} name="inspect" /></button>
  </header>`;
}

function Topics({topics, thread, choose: pick}) {
  const all = [{thread_id: null, name: 'All'}, ...(topics.some(t => t.thread_id === 1) ? [] : [{thread_id: 1, name: 'General'}]), ...topics];
  return html`<nav class="topics" aria-label="Topics">${all.map(t => html`<button type="button" key=${t.thread_id} class="chip" aria-pressed=${t.thread_id === thread} onClick=${() => pick(t.thread_id)}>
    ${t.thread_id !== null && html`<span aria-hidden="true">#</span>`}${t.name}${t.closed && html`<${Icon} name="lock" size=${12} />`}</button>`)}</nav>`;
}

function Pinned({ids, conversation}) {
  const [at, setAt] = useState(ids.length - 1);
  const id = ids[Math.min(at, ids.length - 1)];
  const known = useStore(conversation, s => s.messages.find(m => m.message_id === id));
  const jump = () => {
    attempt(() => conversation.around(id));
    setAt((at - 1 + ids.length) % ids.length);
  };
  return html`<button type="button" class="pinned" onClick=${jump}><${Icon} name="pin" size=${18} /><span class="reply-preview"><b>Pinned message${ids.length > 1 ? ` ${Math.min(at, ids.length - 1) + 1} of ${ids.length}` : ''}</b><span class="ellipsis">${known ? summary(known) : 'Press to go there'}</span></span></button>`;
}

function Empty({place}) {
  const {bot, chat} = place;
  if (chat.type !== 'private') return html`<div class="empty-chat"><p>No messages here yet.</p></div>`;
  return html`<div class="empty-chat"><${Avatar} id=${bot.id} name=${chatTitle(chat, bot)} size="large" />
    <h2>${chatTitle(chat, bot)}</h2><p class="muted">@${bot.username}</p>
    <p>${bot.description || 'The bot can write to you once you have started it.'}</p></div>`;
}

/** What stands below the messages: the field, or the one thing that can be done instead. */
function Foot({chat, place, state, draft}) {
  const {bot, as, api} = place;
  const {info} = state;
  if (!state.loaded) return html`<footer class="composer"><div class="composer-row"></div></footer>`;
  const does = (label, path) => html`<footer class="composer"><button type="button" class="button primary foot-button" onClick=${() => attempt(async () => { await api.post(path, {as}); place.conversation.refresh(); place.store.set({stale: place.store.state.stale + 1}); })}>${label}</button></footer>`;
  if (info?.blocked ?? chat.blocked) return does('Unblock', `${botPath(bot.id)}/users/${as}/unblock`);
  if (chat.type === 'private' && !state.messages.length && !state.error) return html`<footer class="composer"><button type="button" class="button primary foot-button" onClick=${() => place.start()}>START</button></footer>`;
  if ((info?.member ?? chat.member) === false) return does('Join', `${place.chatUrl}/join`);
  if (info?.can_send === false) return html`<footer class="composer"><p class="foot-note muted">${chat.type === 'channel' ? 'Only administrators post in this channel.' : 'You may not write here.'}</p></footer>`;
  return html`<${Composer} draft=${draft} info=${info} />`;
}

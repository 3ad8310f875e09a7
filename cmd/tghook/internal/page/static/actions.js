// What can be done with a message: the menu of a bubble.
import {html} from './vendor/preact.js';
import {openMenu} from './menu.js';
import {copyText} from './clipboard.js';
import {attempt, toast} from './toast.js';
import {ask} from './dialog.js';
import {choose} from './keyboard.js';
import {go, link} from './route.js';
import {userName} from './format.js';

export const emoji = ['👍', '❤️', '🔥', '😁', '🎉', '🤔', '👎'];

/** Opens the menu of a message at an element or at the pointer. */
export function messageMenu(place, draft, message, anchor, point) {
  const m = message;
  const own = String(m.from?.id) === String(place.as);
  const text = m.text ?? m.caption;
  const url = `${place.chatUrl}/messages/${m.message_id}`;
  const alive = !m.x?.deleted;
  openMenu({
    anchor, point, label: 'Actions on the message',
    head: alive && (done => html`<div class="reaction-row" role="group" aria-label="React">${emoji.map(e => html`<button type="button" key=${e} role="menuitem" aria-label=${`React with ${e}`} tabindex="-1" onClick=${() => done(() => place.react(m, e))}>${e}</button>`)}</div>`),
    items: [
      alive && {text: 'Reply', icon: 'reply', hint: 'R', run: () => draft.answer(m)},
      alive && own && m.text !== undefined && {text: 'Edit', icon: 'edit', hint: 'E', run: () => draft.edit(m)},
      text && {text: 'Copy text', icon: 'copy', run: () => copyText(text)},
      {text: 'Copy link', icon: 'link', run: () => copyText(link({bot: place.bot.id, chat: place.chat.id, message: m.message_id}))},
      alive && {text: 'Forward', icon: 'forward', run: () => forward(place, url)},
      m.x?.row != null && {text: 'Show in inspector', icon: 'inspect', run: () => go({row: m.x.row, message: null})},
      alive && null,
      alive && {text: 'Delete', icon: 'trash', danger: true, run: () => remove(place, url)},
    ],
  });
}

async function forward(place, url) {
  const options = place.chats.map(c => ({value: c.id, text: c.title || (c.type === 'private' ? userName(place.bot) : String(c.id))}));
  const to = await choose('Forward to', options);
  if (!to) return;
  await attempt(async () => {
    const answer = await place.api.post(`${url}/forward`, {as: place.as, to_chat: to[0]});
    if (String(to[0]) === String(place.chat.id)) place.conversation.add(answer?.messages);
    toast('Forwarded');
  });
}

async function remove(place, url) {
  if (!await ask('Delete the message?', 'It goes away for everybody in the chat. A bot is not told.', 'Delete', {danger: true})) return;
  await attempt(() => place.api.del(`${url}?as=${place.as}`));
}

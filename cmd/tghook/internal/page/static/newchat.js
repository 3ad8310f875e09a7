// A new group or channel.
import {html, useState} from './vendor/preact.js';
import {Dialog, show} from './dialog.js';
import {botPath} from './api.js';
import {go} from './route.js';
import {userName} from './format.js';

const types = {group: 'Group', forum: 'Group with topics', channel: 'Channel', basic_group: 'Basic group'};

export function newChat(api, store) {
  if (!store.state.bot) return;
  show(close => html`<${NewChat} api=${api} store=${store} close=${close} />`);
}

function NewChat({api, store, close}) {
  const {as, users, bot} = store.state;
  const [type, setType] = useState('group');
  const [title, setTitle] = useState('');
  const [members, setMembers] = useState(users.filter(u => u.id !== as).map(u => u.id));
  const [admin, setAdmin] = useState(true);
  const [error, setError] = useState('');
  const submit = async e => {
    e.preventDefault();
    try {
      const chat = await api.post(`${botPath(bot)}/chats`, {type, title: title.trim(), as, members, bot: admin || type === 'channel' ? 'administrator' : 'member'});
      close();
      store.set({stale: store.state.stale + 1});
      if (chat?.id) go({bot, chat: chat.id});
    } catch (err) {
      setError(err.message);
    }
  };
  const toggle = id => setMembers(members.includes(id) ? members.filter(m => m !== id) : [...members, id]);
  return html`<${Dialog} title="New chat" onClose=${() => close()}><form onSubmit=${submit}>
    <div class="chips" role="group" aria-label="Kind of chat">${Object.entries(types).map(([value, text]) => html`<button type="button" key=${value} class="chip" aria-pressed=${value === type} onClick=${() => setType(value)}>${text}</button>`)}</div>
    <label class="label">Title<input class="field" required maxlength="128" value=${title} onInput=${e => setTitle(e.target.value)} /></label>
    ${users.length > 1 && html`<fieldset class="members-pick"><legend>Members</legend>${users.filter(u => u.id !== as).map(u => html`<label key=${u.id}><input type="checkbox" checked=${members.includes(u.id)} onChange=${() => toggle(u.id)} /> ${userName(u)}</label>`)}</fieldset>`}
    ${type !== 'channel' && html`<label class="check"><input type="checkbox" checked=${admin} onChange=${() => setAdmin(!admin)} /> The bot is an administrator <small class="muted">(else it sees commands and replies only)</small></label>`}
    ${error && html`<p class="error-text" role="alert">${error}</p>`}
    <div class="dialog-foot"><button type="button" class="button" onClick=${() => close()}>Cancel</button><button class="button primary">Make</button></div>
  </form></${Dialog}>`;
}

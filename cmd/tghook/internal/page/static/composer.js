// The field at the foot of a chat: text, commands, files, and the bot's keyboard.
import {html, useState, useEffect, useLayoutEffect, useRef} from './vendor/preact.js';
import {usePlace} from './place.js';
import {useStore} from './store.js';
import {Icon} from './icons.js';
import {attempt} from './toast.js';
import {openMenu} from './menu.js';
import {InlineResults, inlineQuery} from './inline.js';
import {ReplyKeyboard, formDialog, locationForm, webApp} from './keyboard.js';
import {attachments} from './attach.js';
import {summary} from './service.js';
import {author} from './bubble.js';
import {userName} from './format.js';

const ways = [
  {text: 'Photo or video', icon: 'image', files: 'image/*,video/*'},
  {text: 'File', icon: 'file', files: ''},
  {text: 'Voice or music', icon: 'mic', files: 'audio/*,.ogg,.oga'},
  {text: 'Location', icon: 'location', make: async () => withKind('location', await locationForm())},
  {text: 'Contact', icon: 'user', make: async () => withKind('contact', await formDialog('Send a contact', [{name: 'name', label: 'Name', value: 'Ada Lovelace'}, {name: 'phone', label: 'Phone number', value: '+15550123', type: 'tel'}], 'Send'))},
  {text: 'Poll', icon: 'poll', make: async () => withKind('poll', await pollForm())},
  {text: 'Dice', icon: 'dice', make: async () => withKind('dice', await formDialog('Throw', [{name: 'emoji', label: 'What', value: '🎲', options: ['🎲', '🎯', '🏀', '⚽', '🎳', '🎰'].map(e => ({value: e, text: e}))}], 'Throw'))},
];

function withKind(kind, values) { return values && {kind, ...values}; }

/** Asks for a poll. */
export async function pollForm() {
  const values = await formDialog('New poll', [{name: 'question', label: 'Question'}, {name: 'options', label: 'Options', rows: 4, hint: 'One option on each line, at least two.'}], 'Send');
  return values && {question: values.question, options: values.options.split('\n').map(o => o.trim()).filter(Boolean)};
}

/** The commands that fit what was typed. */
export function matching(commands, text) {
  const typed = /^\/([a-z0-9_]*)$/i.exec(text);
  if (!typed) return [];
  return (commands ?? []).filter(c => c.command.toLowerCase().startsWith(typed[1].toLowerCase()));
}

export function Composer({draft, info}) {
  const place = usePlace();
  const {text, reply, edit, focus} = useStore(draft, s => s);
  const field = useRef();
  const files = useRef();
  const [at, setAt] = useState(0);
  const [shut, setShut] = useState(false);
  const [board, setBoard] = useState(true);
  const [used, setUsed] = useState(null);
  const commands = info?.commands ?? [];
  const keyboard = info?.keyboard?.keyboard ? info.keyboard : null;
  const forced = info?.keyboard?.force_reply ? info.keyboard : null;
  const showBoard = keyboard && board && used !== keyboard && !edit;
  const found = shut ? [] : matching(commands, text);
  const query = inlineQuery(text, place.bot.username);
  const placeholder = keyboard?.input_field_placeholder ?? forced?.input_field_placeholder ?? (place.chat.type === 'channel' ? 'Post to the channel' : 'Message');

  useLayoutEffect(() => {
    if (!focus || !field.current) return;
    field.current.focus();
    field.current.setSelectionRange(field.current.value.length, field.current.value.length);
  }, [focus]);
  useLayoutEffect(() => setBoard(true), [keyboard]);
  useLayoutEffect(() => setAt(0), [found.length]);
  useEffect(() => {
    if (!forced || draft.state.edit) return;
    const {messages} = place.conversation.state;
    const to = messages.findLast(m => m.reply_markup?.force_reply) ?? messages.findLast(m => m.x?.from_bot ?? m.from?.is_bot);
    if (to) draft.set({reply: to, focus: draft.state.focus + 1});
  }, [forced]);
  useLayoutEffect(() => {
    field.current.style.height = 'auto';
    field.current.style.height = `${Math.min(field.current.scrollHeight, 200)}px`;
  }, [text]);

  const send = async () => {
    const body = text.trim();
    if (!body || query !== null) return;
    const {reply: to, edit: old} = draft.state;
    draft.clear();
    const done = await attempt(async () => {
      if (old) await place.edit(old, body);
      else await place.send({text: body, reply_to: to?.message_id});
      return true;
    });
    if (!done) draft.giveBack({text: body, reply: to, edit: old});
    else if (keyboard?.one_time_keyboard && !old) setUsed(keyboard);
  };

  const take = command => {
    draft.set({text: ''});
    return attempt(() => place.send({text: `/${command.command}`}));
  };

  const keys = e => {
    if (e.isComposing) return;
    if (found.length && (e.key === 'ArrowDown' || e.key === 'ArrowUp')) {
      e.preventDefault();
      setAt((at + (e.key === 'ArrowDown' ? 1 : -1) + found.length) % found.length);
    } else if (found.length && e.key === 'Tab' && !e.shiftKey) {
      e.preventDefault();
      draft.set({text: `/${found[at].command} `});
    } else if (found.length && e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault();
      take(found[at]);
    } else if (e.key === 'Enter' && !e.shiftKey && !e.ctrlKey) {
      e.preventDefault();
      send();
    } else if (e.key === 'Escape' && (found.length || reply || edit)) {
      e.preventDefault();
      e.stopPropagation();
      if (found.length) setShut(true);
      else if (edit) draft.clear();
      else draft.set({reply: null});
    } else if (e.key === 'ArrowUp' && !text) {
      const own = place.conversation.state.messages.findLast(m => String(m.from?.id) === String(place.as) && m.text !== undefined && !m.x?.deleted);
      if (own) {
        e.preventDefault();
        draft.edit(own);
      }
    }
  };

  const paste = e => {
    const list = [...e.clipboardData.files];
    if (!list.length) return;
    e.preventDefault();
    attachments(place, draft, list);
  };

  const attach = e => openMenu({anchor: e.currentTarget, label: 'Send something else', items: ways.map(way => ({
    text: way.text, icon: way.icon, run: () => way.make ? attempt(async () => {
      const values = await way.make();
      if (values) await place.send({...values, reply_to: draft.state.reply?.message_id});
      if (values) draft.set({reply: null});
    }) : pickFiles(way.files),
  }))});
  const pickFiles = accept => {
    files.current.accept = accept;
    files.current.value = '';
    files.current.click();
  };

  const app = info?.menu_button?.type === 'web_app' ? info.menu_button : null;
  const listId = 'command-list';
  return html`<footer class="composer">
    ${query !== null && html`<${InlineResults} query=${query} onDone=${() => draft.sent(text, reply)} />`}
    ${found.length > 0 && html`<div class="suggestions" role="listbox" id=${listId} aria-label="Commands">${found.map((c, i) => html`<button type="button" role="option" key=${c.command} id=${`command-${i}`} aria-selected=${i === at} class="suggestion" tabindex="-1" onMouseEnter=${() => setAt(i)} onClick=${() => take(c)}><b>/${c.command}</b><span class="muted ellipsis">${c.description}</span></button>`)}</div>`}
    ${(reply || edit) && html`<div class="composer-quote"><${Icon} name=${edit ? 'edit' : 'reply'} />
      <div class="reply-preview"><b class="ellipsis">${edit ? 'Edit the message' : `Reply to ${userName(author(reply))}`}</b><span class="ellipsis">${summary(edit ?? reply)}</span></div>
      <button type="button" class="icon-button" aria-label=${edit ? 'Do not edit' : 'Do not reply'} title="Cancel" onClick=${() => edit ? draft.clear() : draft.set({reply: null})}><${Icon} name="close" /></button></div>`}
    <div class="composer-row">
      ${app ? html`<button type="button" class="bot-menu" onClick=${() => webApp(place, app)}><${Icon} name="app" size=${16} />${app.text}</button>`
        : commands.length ? html`<button type="button" class="icon-button" aria-label="Commands of the bot" title="Commands" onClick=${() => { setShut(false); draft.set({text: text === '/' ? '' : '/', focus: focus + 1}); }}><${Icon} name="menu" /></button>` : null}
      <button type="button" class="icon-button" aria-label="Attach" title="Attach" aria-haspopup="menu" onClick=${attach}><${Icon} name="attach" /></button>
      <textarea ref=${field} id="composer" class="composer-field" rows="1" placeholder=${placeholder} aria-label=${placeholder} value=${text} maxlength="20000" autocomplete="off"
        role=${found.length ? 'combobox' : undefined} aria-expanded=${found.length ? 'true' : undefined} aria-controls=${found.length ? listId : undefined} aria-activedescendant=${found.length ? `command-${at}` : undefined}
        onInput=${e => { setShut(false); draft.set({text: e.target.value}); }} onKeyDown=${keys} onPaste=${paste}></textarea>
      ${keyboard && html`<button type="button" class="icon-button" aria-label="Keyboard of the bot" title="Keyboard of the bot" aria-pressed=${Boolean(showBoard)} onClick=${() => { setUsed(null); setBoard(!showBoard); }}><${Icon} name="keyboard" /></button>`}
      <button type="button" class="send" aria-label=${edit ? 'Save the edit' : 'Send'} title=${edit ? 'Save' : 'Send'} disabled=${!text.trim() || query !== null} onClick=${send}><${Icon} name=${edit ? 'check' : 'send'} size=${22} /></button>
    </div>
    ${showBoard && html`<${ReplyKeyboard} keyboard=${keyboard} onUsed=${() => { draft.set({reply: null}); if (keyboard.one_time_keyboard) setUsed(keyboard); }} />`}
    <input type="file" class="visually-hidden" multiple tabindex="-1" aria-label="Files to send" ref=${files} onChange=${e => attachments(place, draft, [...e.target.files])} />
  </footer>`;
}

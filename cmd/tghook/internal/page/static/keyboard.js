// Buttons: those under a message, and those in place of the keyboard.
import {html, useState} from './vendor/preact.js';
import {usePlace} from './place.js';
import {Icon} from './icons.js';
import {safeUrl} from './entities.js';
import {copyText} from './clipboard.js';
import {toast, attempt} from './toast.js';
import {Dialog, alertText, show} from './dialog.js';
import {payFor} from './pay.js';
import {userName} from './format.js';

/** The buttons under a message. */
export function InlineKeyboard({message}) {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows?.length) return null;
  return html`<div class="inline-keyboard" role="group" aria-label="Buttons of the message">
    ${rows.map((row, r) => html`<div class="keyboard-row" key=${r}>${row.map((button, c) => html`<${InlineButton} key=${c} message=${message} button=${button} row=${r} column=${c} />`)}</div>`)}
  </div>`;
}

function markOf(button) {
  if (button.url || button.login_url) return 'out';
  if (button.web_app) return 'app';
  if (button.copy_text) return 'copy';
  if (button.switch_inline_query !== undefined || button.switch_inline_query_current_chat !== undefined || button.switch_inline_query_chosen_chat) return 'forward';
  if (button.pay) return 'card';
  return null;
}

function InlineButton({message, button, row, column}) {
  const place = usePlace();
  const [busy, setBusy] = useState(false);
  const mark = markOf(button);
  const tone = ['primary', 'success', 'danger'].includes(button.style) ? ` style-${button.style}` : '';
  const inner = html`<span class="ellipsis">${button.text}</span>${busy ? html`<span class="spinner" aria-hidden="true"></span>` : mark ? html`<span class="button-mark"><${Icon} name=${mark} size=${12} /></span>` : null}`;
  const url = button.url ?? button.login_url?.url;
  if (url !== undefined) {
    const href = safeUrl(url);
    const deep = place.act.deepLink(url);
    if (href && !deep) return html`<a class=${'inline-button' + tone} href=${href} target="_blank" rel="noopener noreferrer" title=${url}>${inner}</a>`;
    return html`<button type="button" class=${'inline-button' + tone} title=${url} onClick=${deep ?? (() => toast(`The page does not open the address ${url}`, {error: true}))}>${inner}</button>`;
  }
  const press = async () => {
    if (busy) return;
    setBusy(true);
    await attempt(() => pressInline(place, message, button, row, column));
    setBusy(false);
  };
  return html`<button type="button" class=${'inline-button' + tone} aria-busy=${busy} onClick=${press}>${inner}</button>`;
}

async function pressInline(place, message, button, row, column) {
  if (button.copy_text) return copyText(button.copy_text.text);
  if (button.web_app) return webApp(place, button);
  if (button.pay) return payFor(place, message);
  if (button.switch_inline_query_current_chat !== undefined) return place.compose(`@${place.bot.username} ${button.switch_inline_query_current_chat}`);
  const other = button.switch_inline_query ?? button.switch_inline_query_chosen_chat?.query;
  if (other !== undefined || button.switch_inline_query_chosen_chat) return place.composeElsewhere(`@${place.bot.username} ${other ?? ''}`);
  const answer = await place.api.post(`${place.chatUrl}/messages/${message.message_id}/press`, {as: place.as, row, column, wait: '20s'});
  return showAnswer(place, answer);
}

/** Shows what answerCallbackQuery said: a note, an alert, or an address. */
async function showAnswer(place, answer) {
  if (!answer) return;
  if (answer.error) return toast(answer.error, {error: true});
  if (answer.answered === false) return toast('The bot has not answered the press: it did not call answerCallbackQuery.', {error: true});
  if (answer.url) {
    const deep = place.act.deepLink(answer.url);
    if (deep) return deep();
    const href = safeUrl(answer.url);
    if (!href) return toast(`The bot answered with an address that the page does not open: ${answer.url}`, {error: true});
    return show(close => html`<${Dialog} title="The bot opens an address" onClose=${() => close()}>
      <p class="alert-text">${answer.url}</p>
      <div class="dialog-foot"><button class="button" onClick=${() => close()}>Cancel</button><a class="button primary" href=${href} target="_blank" rel="noopener noreferrer" onClick=${() => close()}>Open</a></div></${Dialog}>`);
  }
  if (answer.text && answer.show_alert) return alertText(place.bot.name ?? 'The bot', answer.text);
  if (answer.text) toast(answer.text);
}

/** Tells what a Web App button is. With a reply keyboard the page can send the data that the app would. */
export function webApp(place, button, send) {
  const url = button.web_app?.url ?? '';
  return show(close => html`<${WebApp} title=${button.text} url=${url} send=${send} close=${close} />`);
}

function WebApp({title, url, send, close}) {
  const [data, setData] = useState('');
  const href = safeUrl(url);
  return html`<${Dialog} title=${`Web App “${title}”`} onClose=${() => close()}>
    <p class="alert-text">In Telegram this button opens a web page inside the app. It does not run here; it opens in a tab without Telegram's part of it.</p>
    <p class="mono break">${url}</p>
    ${send && html`<label class="label">Data that the app would send (sendData)<textarea class="field mono" rows="3" maxlength="4096" value=${data} onInput=${e => setData(e.target.value)}></textarea></label>`}
    <div class="dialog-foot"><button class="button" onClick=${() => close()}>Close</button>
      ${href && html`<a class="button" href=${href} target="_blank" rel="noopener noreferrer">Open in a tab</a>`}
      ${send && html`<button class="button primary" disabled=${!data} onClick=${() => { send(data); close(); }}>Send the data</button>`}</div>
  </${Dialog}>`;
}

/** The keyboard that the bot put in place of the user's own. */
export function ReplyKeyboard({keyboard, onUsed}) {
  const place = usePlace();
  const press = button => attempt(async () => {
    if (await pressReply(place, button)) onUsed();
  });
  return html`<div class=${'reply-keyboard' + (keyboard.resize_keyboard ? ' resized' : '')} role="group" aria-label="Keyboard of the bot">
    ${keyboard.keyboard.map((row, r) => html`<div class="keyboard-row" key=${r}>${row.map((item, c) => {
      const button = typeof item === 'string' ? {text: item} : item;
      const mark = button.request_contact ? 'user' : button.request_location ? 'location' : button.request_poll ? 'poll' : button.request_users ? 'users' : button.request_chat ? 'hash' : button.web_app ? 'app' : null;
      const tone = ['primary', 'success', 'danger'].includes(button.style) ? ` style-${button.style}` : '';
      return html`<button type="button" key=${c} class=${'reply-button' + tone} onClick=${() => press(button)}>${mark && html`<${Icon} name=${mark} size=${16} />`}<span class="ellipsis">${button.text}</span></button>`;
    })}</div>`)}
  </div>`;
}

/** Does what a button of the reply keyboard asks for. Resolves to true if something was sent. */
async function pressReply(place, button) {
  if (button.request_contact) return sendIf(place, await contactForm(place), values => ({kind: 'contact', button: button.text, ...values}));
  if (button.request_location) return sendIf(place, await locationForm(), values => ({kind: 'location', button: button.text, ...values}));
  if (button.request_poll) return sendIf(place, await place.pollForm(button.request_poll.type), values => ({kind: 'poll', button: button.text, ...values}));
  if (button.request_users) return sendIf(place, await usersForm(place, button), users => ({kind: 'users_shared', button: button.text, users}));
  if (button.request_chat) return sendIf(place, await chatForm(place, button), chat => ({kind: 'chat_shared', button: button.text, chat}));
  if (button.web_app) {
    await webApp(place, button, data => attempt(() => place.send({kind: 'web_app_data', button: button.text, data})));
    return false;
  }
  await place.send({text: button.text});
  return true;
}

async function sendIf(place, values, make) {
  if (!values) return false;
  await place.send(make(values));
  return true;
}

function contactForm(place) {
  const user = place.user;
  return formDialog('Share your phone number with the bot?', [{name: 'phone', label: 'Phone number', value: '+15550100', type: 'tel'}, {name: 'name', label: 'Name', value: userName(user)}], 'Share');
}

export function locationForm() {
  return formDialog('Share a location', [
    {name: 'latitude', label: 'Latitude', value: '52.52000', type: 'number'}, {name: 'longitude', label: 'Longitude', value: '13.40500', type: 'number'},
  ], 'Send').then(v => v && {latitude: Number(v.latitude), longitude: Number(v.longitude)});
}

function usersForm(place, button) {
  const most = button.request_users.max_quantity ?? 1;
  return choose(`Choose ${most === 1 ? 'a user' : `up to ${most} users`}`, place.users.filter(u => u.id !== place.as).map(u => ({value: u.id, text: userName(u)})), most);
}

async function chatForm(place, button) {
  const wanted = button.request_chat.chat_is_channel;
  const chats = place.chats.filter(c => wanted ? c.type === 'channel' : c.type === 'group' || c.type === 'supergroup');
  const list = await choose(wanted ? 'Choose a channel' : 'Choose a group', chats.map(c => ({value: c.id, text: c.title})), 1);
  return list?.[0];
}

/** Asks for a few values. Resolves to {name: value}, or undefined. */
export function formDialog(title, fields, yes) {
  return show(close => html`<${Form} title=${title} fields=${fields} yes=${yes} close=${close} />`);
}

function Form({title, fields, yes, close}) {
  const [values, set] = useState(Object.fromEntries(fields.map(f => [f.name, f.value ?? ''])));
  const submit = e => { e.preventDefault(); close(values); };
  return html`<${Dialog} title=${title} onClose=${() => close()}><form onSubmit=${submit}>
    ${fields.map(f => html`<label class="label" key=${f.name}>${f.label}
      ${f.options ? html`<select class="field" value=${values[f.name]} onChange=${e => set({...values, [f.name]: e.target.value})}>${f.options.map(o => html`<option value=${o.value}>${o.text}</option>`)}</select>`
        : f.rows ? html`<textarea class="field" rows=${f.rows} value=${values[f.name]} onInput=${e => set({...values, [f.name]: e.target.value})}></textarea>`
        : html`<input class="field" type=${f.type ?? 'text'} step="any" required=${f.required !== false} value=${values[f.name]} onInput=${e => set({...values, [f.name]: e.target.value})} />`}
      ${f.hint && html`<small class="muted">${f.hint}</small>`}</label>`)}
    <div class="dialog-foot"><button type="button" class="button" onClick=${() => close()}>Cancel</button><button class="button primary">${yes}</button></div>
  </form></${Dialog}>`;
}

/** Asks to choose from a list. Resolves to the values that were chosen, or undefined. */
export function choose(title, options, most = 1) {
  return show(close => html`<${Choice} title=${title} options=${options} most=${most} close=${close} />`);
}

function Choice({title, options, most, close}) {
  const [picked, pick] = useState([]);
  const press = value => {
    if (most === 1) return close([value]);
    pick(picked.includes(value) ? picked.filter(v => v !== value) : [...picked, value].slice(-most));
  };
  return html`<${Dialog} title=${title} onClose=${() => close()}>
    ${options.length === 0 && html`<p class="alert-text muted">There is nothing to choose from.</p>`}
    <div class="choice">${options.map(o => html`<button type="button" key=${o.value} class="menu-item" aria-pressed=${most > 1 ? String(picked.includes(o.value)) : undefined} onClick=${() => press(o.value)}>
      <span class="ellipsis">${o.text}</span>${picked.includes(o.value) && html`<${Icon} name="check" size=${16} />`}</button>`)}</div>
    ${most > 1 && html`<div class="dialog-foot"><button class="button primary" disabled=${!picked.length} onClick=${() => close(picked)}>Choose</button></div>`}
  </${Dialog}>`;
}

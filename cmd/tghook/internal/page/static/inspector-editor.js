// An editor for an update in JSON, which says what is wrong with it.
import {html, useMemo, useState} from './vendor/preact.js';
import {Icon} from './icons.js';

/** `onSend` gets the text, or null if it is as it was. While `busy` is a text, nothing can be sent, and the button has this text. */
export function Editor({original, busy, onSend}) {
  const [text, setText] = useState(original);
  const mistake = useMemo(() => mistakeIn(text), [text]);
  const send = () => onSend(text === original ? null : text);
  const onKeyDown = e => {
    if (e.key !== 'Enter' || !(e.ctrlKey || e.metaKey) || mistake || busy) return;
    e.preventDefault();
    send();
  };
  return html`
    <textarea class="field inspector-editor" spellcheck="false" autocapitalize="off" autocomplete="off" aria-label="Update in JSON" aria-invalid=${String(Boolean(mistake))} aria-describedby="inspector-mistake"
      value=${text} onInput=${e => setText(e.currentTarget.value)} onKeyDown=${onKeyDown}></textarea>
    <div class="inspector-editor-foot">
      <p id="inspector-mistake" class=${mistake ? 'failed' : 'inspector-hint'} role="status">${mistake || (text === original ? 'As it was' : 'Edited')}</p>
      ${text !== original && html`<button class="button" onClick=${() => setText(original)}>Undo changes</button>`}
      <button class="button primary" disabled=${Boolean(mistake) || Boolean(busy)} onClick=${send}><${Icon} name="replay" size=${16} /> ${busy || 'Replay'}</button>
    </div>`;
}

/** What is wrong with the text as an update; empty if nothing is. */
function mistakeIn(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (err) {
    const place = /position (\d+)/.exec(err.message);
    const line = place ? ` in line ${text.slice(0, Number(place[1])).split('\n').length}` : '';
    return `This is not JSON${line}: ${err.message.replace(/^JSON\.parse: /, '')}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'An update is an object.';
  const kinds = Object.keys(value).filter(key => key !== 'update_id');
  if (kinds.length !== 1) return `An update has one kind beside update_id, such as message. This one has ${kinds.length || 'none'}.`;
  if (typeof value[kinds[0]] !== 'object' || value[kinds[0]] === null) return `${kinds[0]} is an object.`;
  return '';
}

// A dead letter that is open: why it is one, its update, and what can be done with it.
import {html, useEffect, useLayoutEffect, useRef, useState} from './vendor/preact.js';
import {Icon} from './icons.js';
import {ask} from './dialog.js';
import {go} from './route.js';
import {toast} from './toast.js';
import {fullTime} from './format.js';
import {Body} from './inspector-json.js';
import {Edit} from './serve-edit.js';
import {lettersPath} from './serve-letters.js';

/** `onGone` is called when it was replayed or discarded. */
export function Letter({api, bot, copy, id, onGone}) {
  const [letter, setLetter] = useState(null);
  const [error, setError] = useState('');
  const [editing, setEditing] = useState(false);
  const [busy, setBusy] = useState(false);
  const head = useRef();
  useLayoutEffect(() => head.current.focus(), []);
  useEffect(() => {
    let gone = false;
    api.get(lettersPath(bot.name, copy, {}, id)).then(found => { if (!gone) setLetter(found); }, err => { if (!gone) setError(err.message); });
    return () => { gone = true; };
  }, []);
  const close = () => {
    go({letter: null});
    document.getElementById(`letter-${id}`)?.focus();
  };
  const act = async (verb, done) => {
    setBusy(true);
    try {
      await api.post(lettersPath(bot.name, copy, {}, id, verb));
      toast(done);
      onGone();
    } catch (err) {
      toast(err.message, {error: true});
      if (err.status === 404) onGone(); // somebody else was faster
    }
    setBusy(false);
  };
  const discard = async () => {
    if (await ask('Discard the dead letter?', 'The update is removed for good. The bot never gets it.', 'Discard', {danger: true})) await act('discard', 'Discarded');
  };
  const back = bot.paused ? 'The update is back in the queue. The bot gets it when it is resumed.' : 'The update is back in the queue';
  return html`<section class="serve-letter inspector-detail" aria-label="Open dead letter" onKeyDown=${e => { if (e.key === 'Escape' && !editing) { e.stopPropagation(); e.preventDefault(); close(); } }}>
    <header class="inspector-detail-head">
      <button class="icon-button inspector-back" aria-label="Back to the list" title="Back to the list" onClick=${close}><${Icon} name="back" /></button>
      <h3 ref=${head} tabindex="-1">${letter ? letter.kind || 'unreadable' : error ? 'Not found' : 'Loading …'}</h3>
      <button class="icon-button inspector-shut" aria-label="Close the dead letter" title="Close (Esc)" onClick=${close}><${Icon} name="close" /></button>
    </header>
    <div class="inspector-detail-body" tabindex="-1">
      ${error && html`<p class="inspector-verdict failed" role="alert">${error}</p>`}
      ${letter && html`
        <p class="inspector-verdict failed"><strong>${letter.why || 'No reason was kept.'}</strong></p>
        <div class="serve-actions">
          <button class="button small primary" disabled=${busy} onClick=${() => act('replay', back)}><${Icon} name="replay" size=${16} /> Replay</button>
          <button class="button small" disabled=${busy} onClick=${() => setEditing(true)}><${Icon} name="edit" size=${16} /> Edit and replay</button>
          <button class="button small danger" disabled=${busy} onClick=${discard}><${Icon} name="trash" size=${16} /> Discard</button>
        </div>
        <${Facts} letter=${letter} />
        <section class="inspector-message"><h4>Update</h4><${Body} body=${letter.update_text} label="update" /></section>`}
    </div>
    ${editing && html`<${Edit} title=${`Edit and replay ${letter.kind || 'the update'}`} text=${letter.update_text} done=${back} onDone=${onGone} onClose=${() => setEditing(false)}
      hint="The bot gets the edited update in place of this one, at the end of its chat’s queue." send=${body => api.post(lettersPath(bot.name, copy, {}, id, 'replay'), body)} />`}
  </section>`;
}

function Facts({letter: l}) {
  const facts = [
    ['Update', l.update_id], ['Chat', l.chat], ['User', l.user], ['Queue', l.lane], ['Attempts', l.attempts],
    ['Arrived', l.published && fullTime(new Date(l.published) / 1000)], ['Given up', l.buried && fullTime(new Date(l.buried) / 1000)],
  ];
  return html`<dl class="inspector-facts">${facts.filter(([, value]) => value).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

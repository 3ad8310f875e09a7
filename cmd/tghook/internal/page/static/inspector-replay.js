// Replay: an update is delivered again, as it was or edited, and the bot's calls are compared.
import {html, useMemo, useRef, useState} from './vendor/preact.js';
import {Dialog} from './dialog.js';
import {go} from './route.js';
import {Icon} from './icons.js';
import {pretty} from './inspector-json.js';
import {diffLines} from './inspector-diff.js';

export function Replay({row, api, onClose}) {
  const original = useMemo(() => pretty(row.update ?? {}), []);
  const [text, setText] = useState(original);
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState(null);
  const [failure, setFailure] = useState('');
  const mistake = useMemo(() => mistakeIn(text), [text]);
  const answer = useRef();

  const send = async () => {
    setBusy(true);
    setFailure('');
    try {
      setResult(await api.post(`/api/rows/${encodeURIComponent(row.id)}/replay`, text === original ? {} : {update: JSON.parse(text)}));
      answer.current?.scrollIntoView({block: 'nearest'});
    } catch (err) {
      setFailure(err.message);
    }
    setBusy(false);
  };
  const onKeyDown = e => {
    if (e.key !== 'Enter' || !(e.ctrlKey || e.metaKey) || mistake || busy) return;
    e.preventDefault();
    send();
  };
  return html`<${Dialog} title=${`Replay ${row.kind ?? 'the update'}`} wide className="inspector-replay" onClose=${onClose}>
    <p class="inspector-hint">The bot gets this update once more. Change what you like: the calls that it makes are compared with those of the first time.</p>
    <textarea class="field inspector-editor" spellcheck="false" autocapitalize="off" autocomplete="off" aria-label="Update in JSON" aria-invalid=${String(Boolean(mistake))} aria-describedby="inspector-mistake"
      value=${text} onInput=${e => setText(e.currentTarget.value)} onKeyDown=${onKeyDown}></textarea>
    <div class="inspector-editor-foot">
      <p id="inspector-mistake" class=${mistake ? 'failed' : 'inspector-hint'} role="status">${mistake || (text === original ? 'As it was' : 'Edited')}</p>
      ${text !== original && html`<button class="button" onClick=${() => setText(original)}>Undo changes</button>`}
      <button class="button primary" disabled=${Boolean(mistake) || busy} onClick=${send}><${Icon} name="replay" size=${16} /> ${busy ? 'Waiting for the bot …' : 'Replay'}</button>
    </div>
    <div ref=${answer} aria-live="polite">
      ${failure && html`<p class="inspector-verdict failed" role="alert">${failure}</p>`}
      ${result && html`<${Difference} result=${result} onOpen=${() => { go({row: result.row}); onClose(); }} />`}
    </div>
  </${Dialog}>`;
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

/** The calls before and after, side by side. */
function Difference({result, onOpen}) {
  const lines = useMemo(() => diffLines(textOf(result.before), textOf(result.after)), [result]);
  const changed = result.diff?.length ?? lines.filter(line => !line.same).length;
  return html`<section class="inspector-diff" aria-label="The bot’s calls before and after">
    <header><strong class=${changed ? 'failed' : 'good'}>${changed === 0 ? 'The bot made the same calls.' : changed === 1 ? 'One difference.' : `${changed} differences.`}</strong>
      ${result.row && html`<button class="button small" onClick=${onOpen}>Open the new delivery</button>`}</header>
    <table><thead><tr><th scope="col">Before</th><th scope="col">After</th></tr></thead>
      <tbody>${lines.map((line, i) => html`<tr key=${i} class=${line.same ? '' : 'changed'}>
        <td class=${line.same || line.left === null ? '' : 'removed'}>${side(line.left, line.same, 'removed')}</td>
        <td class=${line.same || line.right === null ? '' : 'added'}>${side(line.right, line.same, 'added')}</td></tr>`)}
      </tbody></table>
    ${lines.length === 0 && html`<p class="inspector-none">The bot called nothing, neither before nor after.</p>`}
  </section>`;
}

function side(text, same, what) {
  if (text === null) return '';
  return html`${!same && html`<span class="visually-hidden">${what}: </span>`}<code>${text}</code>`;
}

/** The lines of calls, each with its method and parameters alone: the rest differs at all times. */
function textOf(calls) {
  const lines = [];
  for (const call of calls ?? []) {
    lines.push(call.method ?? call.type ?? 'call');
    const params = call.params ?? call.request?.params ?? {};
    for (const [name, value] of Object.entries(params).sort(([a], [b]) => a < b ? -1 : 1)) {
      const [first, ...rest] = pretty(structured(value)).split('\n');
      lines.push(`  ${name}: ${first}`, ...rest.map(line => '  ' + line));
    }
    if (call.ok === false && (call.error ?? call.description)) lines.push(`  failed: ${call.error ?? call.description}`);
  }
  return lines;
}

function structured(value) {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

// Replay: an update is delivered again, as it was or edited, and the bot's calls are compared.
import {html, useMemo, useRef, useState} from './vendor/preact.js';
import {Dialog} from './dialog.js';
import {go} from './route.js';
import {pretty} from './inspector-json.js';
import {rowPath} from './inspector-row.js';
import {Editor} from './inspector-editor.js';
import {diffLines} from './inspector-diff.js';

export function Replay({row, api, onClose}) {
  const original = useMemo(() => pretty(row.update ?? {}), []);
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState(null);
  const [failure, setFailure] = useState('');
  const answer = useRef();

  const send = async edited => {
    setBusy(true);
    setFailure('');
    try {
      setResult(await api.post(`${rowPath(row.id)}/replay`, edited === null ? {} : `{"update":${edited}}`));
      answer.current?.scrollIntoView({block: 'nearest'});
    } catch (err) {
      setFailure(err.message);
    }
    setBusy(false);
  };
  return html`<${Dialog} title=${`Replay ${row.kind ?? 'the update'}`} wide className="inspector-replay" onClose=${onClose}>
    <p class="inspector-hint">The bot gets this update once more. Change what you like: the calls that it makes are compared with those of the first time.</p>
    <${Editor} original=${original} busy=${busy && 'Waiting for the bot …'} onSend=${send} />
    <div ref=${answer} aria-live="polite">
      ${failure && html`<p class="inspector-verdict failed" role="alert">${failure}</p>`}
      ${result && html`<${Difference} result=${result} onOpen=${() => { go({row: result.row}); onClose(); }} />`}
    </div>
  </${Dialog}>`;
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

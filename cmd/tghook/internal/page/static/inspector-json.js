// JSON as a tree that folds, and any body as text.
import {html, useMemo, useState} from './vendor/preact.js';
import {sizeOf} from './format.js';

const openTo = 3;      // levels that are open at first
const manyItems = 100; // so many items of a list are shown at first
const longText = 2000; // so many characters of a text are shown at first

/** A body. JSON is shown as a tree, with a switch to the text as it was. */
export function Body({body, type = '', truncated = false, base64 = false, size, label}) {
  const [raw, setRaw] = useState(false);
  const value = useMemo(() => base64 ? multipart(atob(body), type) : parsed(body, type), [body, type, base64]);
  if (!body) return html`<p class="inspector-none">No body</p>`;
  if (base64 && value === undefined) return html`<p class="inspector-none">${sizeOf(size)} that are not text</p>`;
  return html`<div class="inspector-body">
    ${value !== undefined && !base64 && html`<button class="button small inspector-raw" aria-pressed=${String(raw)} onClick=${() => setRaw(!raw)} aria-label=${`Show the ${label} as it was sent`}>Raw</button>`}
    ${value === undefined || raw
      ? html`<pre class="inspector-code" tabindex="0">${body}</pre>`
      : html`<div class="inspector-code"><${Value} value=${value} level=${0} /></div>`}
    ${truncated && html`<p class="inspector-none">The body is longer. The first 1 MiB of it is kept.</p>`}
  </div>`;
}

/** The value of a body in JSON or of a form; undefined for any other. A whole number keeps all its digits, where the browser can tell them. */
export function parsed(body, type = '') {
  if (typeof body !== 'string') return body ?? undefined;
  if (type.includes('urlencoded')) return form(body);
  if (type.startsWith('multipart/')) return multipart(bytesOf(body), type);
  try {
    const value = JSON.parse(body, exact);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function exact(key, value, context) {
  const long = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '');
  return long ? BigInt(context.source) : value;
}

function form(body) {
  const fields = {};
  for (const [name, text] of new URLSearchParams(body)) fields[name] = parsed(text) ?? text;
  return fields;
}

/** The fields of a multipart form, given as a string of bytes. Of a file it is the name, type and size. */
function multipart(bytes, type) {
  const boundary = /boundary="?([^";]+)/i.exec(type)?.[1];
  if (!boundary) return undefined;
  const fields = {};
  for (const part of bytes.split('--' + boundary).slice(1, -1)) {
    const end = part.indexOf('\r\n\r\n');
    if (end < 0) continue;
    const head = textOf(part.slice(0, end)), content = part.slice(end + 4).replace(/\r\n$/, '');
    const name = /[; ]name="([^"]*)"/i.exec(head)?.[1] ?? '', file = /filename="([^"]*)"/i.exec(head)?.[1];
    const text = textOf(content);
    fields[name] = file === undefined ? parsed(text) ?? text : `${file} (${sizeOf(content.length)}${/content-type: *([^\r\n]+)/i.exec(head)?.[1].replace(/^/, ', ') ?? ''})`;
  }
  return fields;
}

function textOf(bytes) { return new TextDecoder().decode(Uint8Array.from(bytes, c => c.charCodeAt(0))); }

function bytesOf(text) { return Array.from(new TextEncoder().encode(text), b => String.fromCharCode(b)).join(''); }

export function Value({name, value, level}) {
  if (Array.isArray(value)) return html`<${Items} name=${name} entries=${value.map((v, i) => [i, v])} level=${level} brackets="[]" plain />`;
  if (typeof value === 'object' && value !== null) return html`<${Items} name=${name} entries=${Object.entries(value)} level=${level} brackets="{}" />`;
  return html`<div class="json-line"><${Name} name=${name} /><${Leaf} value=${value} /></div>`;
}

function Name({name}) {
  return name !== undefined && html`<span class="json-key">${JSON.stringify(name)}</span><span class="json-mark">: </span>`;
}

function Items({name, entries, level, brackets, plain = false}) {
  const [all, setAll] = useState(false);
  const [open, setOpen] = useState(level < openTo);
  const head = html`<${Name} name=${name} /><span class="json-mark">${brackets[0]}</span>`;
  if (entries.length === 0) return html`<div class="json-line">${head}<span class="json-mark">${brackets[1]}</span></div>`;
  const shown = all ? entries : entries.slice(0, manyItems);
  return html`<details class="json-items" open=${open} onToggle=${e => setOpen(e.currentTarget.open)}>
    <summary>${head}${!open && html`<span class="json-count"> ${entries.length} ${entries.length === 1 ? 'item' : 'items'} </span><span class="json-mark">${brackets[1]}</span>`}</summary>
    ${open && html`<div class="json-inner">
      ${shown.map(([key, v]) => html`<${Value} key=${key} name=${plain ? undefined : key} value=${v} level=${level + 1} />`)}
      ${shown.length < entries.length && html`<button class="button small" onClick=${() => setAll(true)}>Show ${entries.length - shown.length} more</button>`}
    </div><div class="json-mark">${brackets[1]}</div>`}
  </details>`;
}

function Leaf({value}) {
  const [all, setAll] = useState(false);
  if (typeof value !== 'string') return html`<span class=${typeof value === 'number' || typeof value === 'bigint' ? 'json-number' : 'json-literal'}>${String(value)}</span>`;
  const text = JSON.stringify(value);
  if (all || text.length <= longText) return html`<span class="json-string">${text}</span>`;
  return html`<span class="json-string">${text.slice(0, longText)}…</span> <button class="button small" onClick=${() => setAll(true)}>Show all ${text.length} characters</button>`;
}

/** JSON on several lines, for an editor. Numbers with more digits than a double has stay as they are in `body`. */
export function pretty(value) { return JSON.stringify(value, null, 2); }

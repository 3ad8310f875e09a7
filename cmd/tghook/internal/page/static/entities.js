// Text with entities: bold, links, code, quotes and so on. The offsets are UTF-16 units, as JavaScript's are.
import {html, useState} from './vendor/preact.js';
import {copyText} from './clipboard.js';

const schemes = ['http:', 'https:', 'mailto:', 'tel:'];

/** The address to follow, or null where following it could run something. */
export function safeUrl(text) {
  const given = String(text ?? '').trim();
  const full = /^[a-z][a-z0-9+.-]*:/i.test(given) && !/^[\w.-]+:\d+(\/|$)/.test(given) ? given : 'https://' + given;
  try {
    const url = new URL(full);
    return schemes.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** Makes a tree of overlapping ranges: each entity holds those that lie inside; one that sticks out is cut in two. */
export function nest(text, entities) {
  const valid = (entities ?? [])
    .filter(e => e && e.length > 0 && e.offset >= 0 && e.offset < text.length)
    .map(e => ({entity: e, from: e.offset, to: Math.min(e.offset + e.length, text.length)}));
  return branch(text, 0, text.length, valid);
}

function branch(text, from, to, ranges) {
  const out = [];
  const rest = [...ranges].sort((a, b) => a.from - b.from || b.to - a.to);
  let at = from;
  while (rest.length) {
    const r = rest.shift();
    if (r.from >= to) break;
    const start = Math.max(r.from, at), end = Math.min(r.to, to);
    if (start >= end) continue;
    if (start > at) out.push(text.slice(at, start));
    const inside = [];
    for (let i = 0; i < rest.length && rest[i].from < end;) {
      const [inner] = rest.splice(i, 1);
      inside.push({...inner, to: Math.min(inner.to, end)});
      if (inner.to > end) rest.splice(insertAt(rest, end), 0, {...inner, from: end});
    }
    out.push({entity: r.entity, text: text.slice(start, end), children: branch(text, start, end, inside)});
    at = end;
  }
  if (at < to) out.push(text.slice(at, to));
  return out;
}

function insertAt(ranges, from) {
  const i = ranges.findIndex(r => r.from > from);
  return i < 0 ? ranges.length : i;
}

/** Shows text with its entities. `act` is {command, hashtag, deepLink}: what a click on these does. */
export function RichText({text, entities, act}) {
  return html`${trim(nest(text ?? '', entities)).map(node => shown(node, act))}`;
}

const blocks = new Set(['blockquote', 'expandable_blockquote', 'pre']);

/** Takes away the line break at each edge of a block, which begins and ends a line by itself. */
function trim(nodes) {
  const isBlock = node => blocks.has(node?.entity?.type);
  return nodes.map((node, i) => {
    if (typeof node !== 'string') return node;
    const start = isBlock(nodes[i - 1]) && node.startsWith('\n') ? 1 : 0;
    const rest = node.slice(start);
    return isBlock(nodes[i + 1]) && rest.endsWith('\n') ? rest.slice(0, -1) : rest;
  });
}

function shown(node, act) {
  if (typeof node === 'string') return node;
  const {entity, text} = node;
  const inner = node.children.map(child => shown(child, act));
  const draw = drawn[entity.type];
  return draw ? draw(inner, text, entity, act) : html`<span class="entity" title=${entity.type}>${inner}</span>`;
}

const drawn = {
  bold: inner => html`<b>${inner}</b>`,
  italic: inner => html`<i>${inner}</i>`,
  underline: inner => html`<u>${inner}</u>`,
  strikethrough: inner => html`<s>${inner}</s>`,
  spoiler: inner => html`<${Spoiler}>${inner}</${Spoiler}>`,
  blockquote: inner => html`<blockquote>${inner}</blockquote>`,
  expandable_blockquote: inner => html`<${LongQuote}>${inner}</${LongQuote}>`,
  code: (inner, text) => html`<code class="inline" role="button" tabindex="-1" title="Copy" onClick=${() => copyText(text)}>${inner}</code>`,
  pre: (inner, text, e) => html`<${Code} text=${text} language=${e.language}>${inner}</${Code}>`,
  url: (inner, text, e, act) => html`<${Link} url=${text} act=${act}>${inner}</${Link}>`,
  text_link: (inner, text, e, act) => html`<${Link} url=${e.url} act=${act}>${inner}</${Link}>`,
  email: (inner, text) => html`<${Link} url=${'mailto:' + text}>${inner}</${Link}>`,
  phone_number: (inner, text) => html`<${Link} url=${'tel:' + text.replace(/[^\d+]/g, '')}>${inner}</${Link}>`,
  mention: inner => html`<span class="mention">${inner}</span>`,
  text_mention: (inner, text, e) => html`<span class="mention" title=${`user ${e.user?.id ?? ''}`}>${inner}</span>`,
  hashtag: (inner, text, e, act) => html`<button type="button" class="text-link" onClick=${() => act?.hashtag?.(text)}>${inner}</button>`,
  cashtag: (inner, text, e, act) => html`<button type="button" class="text-link" onClick=${() => act?.hashtag?.(text)}>${inner}</button>`,
  bot_command: (inner, text, e, act) => html`<button type="button" class="text-link" onClick=${() => act?.command?.(text)}>${inner}</button>`,
  custom_emoji: (inner, text, e) => html`<span class="custom-emoji" title=${`custom emoji ${e.custom_emoji_id ?? ''}`}>${inner}</span>`,
};

export function Link({url, act, children}) {
  const deep = act?.deepLink?.(url);
  if (deep) return html`<button type="button" class="text-link" title=${url} onClick=${deep}>${children}</button>`;
  const href = safeUrl(url);
  if (!href) return html`<span class="dead-link" title=${`${url}: the page does not open such addresses`}>${children}</span>`;
  return html`<a href=${href} target="_blank" rel="noopener noreferrer" title=${url}>${children}</a>`;
}

function Spoiler({children}) {
  const [seen, see] = useState(false);
  if (seen) return html`<span class="spoiler seen">${children}</span>`;
  const open = e => { e.stopPropagation(); e.preventDefault(); see(true); };
  return html`<span class="spoiler" role="button" tabindex="0" aria-label="Hidden text: press to show" onClickCapture=${open}
    onKeyDown=${e => { if (e.key === 'Enter' || e.key === ' ') open(e); }}><span aria-hidden="true">${children}</span></span>`;
}

function LongQuote({children}) {
  const [open, setOpen] = useState(false);
  return html`<blockquote class=${'long' + (open ? ' open' : '')}>${children}
    <button type="button" class="quote-more" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? 'Less' : 'More'}</button>
  </blockquote>`;
}

function Code({text, language, children}) {
  return html`<div class="code-block">
    <div class="code-head"><span>${language || 'code'}</span><button type="button" onClick=${() => copyText(text)}>Copy</button></div>
    <pre tabindex="0" aria-label=${`Code${language ? ' in ' + language : ''}`}><code>${children}</code></pre>
  </div>`;
}

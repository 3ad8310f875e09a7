// The list of rows. Only those in sight are in the document.
import {html, useEffect, useLayoutEffect, useMemo, useRef, useState} from './vendor/preact.js';
import {useStore} from './store.js';
import {go} from './route.js';
import {grouped, isFailure} from './inspector-rows.js';
import {exactTime, took} from './inspector-time.js';

const rowHeight = 32; // as in inspector.css
const beyond = 10;    // rows above and below those in sight

/** `empty` says what to do when there are no rows yet. */
export function List({rows, selected, filtered, empty, onAll}) {
  const state = useStore(rows, s => s);
  const list = useMemo(() => grouped(state.rows), [state.rows]);
  const box = useRef();
  const [view, setView] = useState({top: 0, height: 600});
  const [atEnd, setAtEnd] = useState(true);
  const reader = useRef({atEnd: true, top: 0}); // where the list was scrolled to, as far as the browser has told
  const before = useRef([]); // the list that was drawn before

  const look = () => {
    if (box.current.clientHeight === 0) return; // it is hidden
    const {scrollTop: top, clientHeight: height, scrollHeight} = box.current;
    reader.current = {top, atEnd: top + height >= scrollHeight - rowHeight};
    setView(v => v.top === top && v.height === height ? v : {top, height});
    setAtEnd(reader.current.atEnd);
  };
  const scroll = to => {
    box.current.scrollTop = to;
    look();
  };

  const staysAtEnd = () => {
    const {scrollTop, clientHeight, scrollHeight} = box.current;
    return reader.current.atEnd && scrollTop >= Math.min(reader.current.top, scrollHeight - clientHeight) - 1;
  };

  // The end stays in sight when the list becomes lower.
  const measure = () => scroll(staysAtEnd() ? box.current.scrollHeight : box.current.scrollTop);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(measure, [selected]);

  // New rows are followed while the end is in sight. Otherwise the first row in sight stays where it is, whatever comes or goes above it.
  useLayoutEffect(() => {
    const was = before.current;
    before.current = list;
    if (staysAtEnd() || box.current.clientHeight === 0) return measure();
    const top = box.current.scrollTop, places = new Map(list.map((item, i) => [item.row.id, i]));
    const first = was.findIndex((item, i) => i >= Math.floor(top / rowHeight) && places.has(item.row.id));
    scroll(first < 0 ? top : top + (places.get(was[first].row.id) - first) * rowHeight);
  }, [list]);

  // The row that is open is scrolled into sight once it is there.
  const index = selected ? list.findIndex(item => item.row.id === selected) : -1;
  const shown = useRef(null);
  useLayoutEffect(() => {
    if (index < 0 || shown.current === selected) return;
    shown.current = selected;
    reveal(index);
  }, [index, selected]);

  const reveal = i => {
    const element = box.current, top = i * rowHeight;
    if (top < element.scrollTop || top + rowHeight > element.scrollTop + element.clientHeight) scroll(top - element.clientHeight / 2);
  };
  const onScroll = () => {
    look();
    if (box.current.scrollTop < rowHeight * 20) rows.loadOlder();
  };
  const onKeyDown = e => {
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
    const from = index < 0 ? list.length : index;
    const to = {ArrowDown: from + 1, ArrowUp: from - 1, PageDown: from + page, PageUp: from - page, Home: 0, End: list.length - 1}[e.key];
    if (to === undefined || list.length === 0) return;
    e.preventDefault();
    const i = Math.min(Math.max(to, 0), list.length - 1);
    go({row: list[i].row.id});
    reveal(i);
  };

  const start = Math.max(0, Math.floor(view.top / rowHeight) - beyond);
  const end = Math.min(list.length, Math.ceil((view.top + view.height) / rowHeight) + beyond);
  const update = list[index]?.row.update_id;
  return html`<div class="inspector-listing">
    <div class="inspector-list" ref=${box} onScroll=${onScroll} onKeyDown=${onKeyDown} tabindex="0" role="listbox" aria-label="Deliveries and calls"
      aria-activedescendant=${index >= 0 ? `inspector-row-${selected}` : undefined}>
      <div class="inspector-space" style=${{height: `${list.length * rowHeight}px`}}>
        ${list.slice(start, end).map((item, i) => html`<${Line} key=${item.row.id} item=${item} top=${(start + i) * rowHeight} position=${start + i + 1} size=${list.length}
          selected=${item.row.id === selected} kin=${update !== undefined && item.row.update_id === update} />`)}
      </div>
    </div>
    ${list.length === 0 && html`<${Nothing} state=${state} filtered=${filtered} empty=${empty} onAll=${onAll} />`}
    ${!atEnd && list.length > 0 && html`<button class="button small inspector-end" onClick=${() => scroll(box.current.scrollHeight)}>Newest ↓</button>`}
  </div>`;
}

function Nothing({state, filtered, empty, onAll}) {
  if (state.loading) return html`<p class="inspector-none">Loading …</p>`;
  if (state.error) return html`<p class="inspector-none failed">${state.error}</p>`;
  if (filtered) return html`<p class="inspector-none">Nothing passes the filter. <button class="button small" onClick=${onAll}>Show all</button></p>`;
  return html`<p class="inspector-none">${empty}</p>`;
}

const signs = {delivery: '→', call: '←', reply: '←', poll: '⇄', warning: '!'};
const meanings = {delivery: 'delivery', call: 'call', reply: 'reply in the answer', poll: 'poll', warning: 'warning'};

function Line({item: {row, depth}, top, position, size, selected, kin}) {
  const failed = isFailure(row);
  const state = row.type === 'warning' ? '' : failed ? 'is-failed' : row.running ? 'is-waiting' : 'is-good';
  return html`<div id=${`inspector-row-${row.id}`} class=${`inspector-row ${row.type} ${state}${depth ? ' inner' : ''}${selected ? ' selected' : ''}${kin ? ' kin' : ''}`}
    role="option" aria-selected=${String(selected)} aria-posinset=${position} aria-setsize=${size} style=${{top: `${top}px`}} onClick=${() => go({row: row.id})} title=${exactTime(row.at)}>
    <span class="inspector-sign" aria-hidden="true">${signs[row.type] ?? '·'}</span><span class="visually-hidden">${meanings[row.type] ?? row.type}${failed ? ', failed' : ''}</span>
    <span class="inspector-name">${row.method ?? row.kind ?? row.type}</span>
    <span class="inspector-summary">${row.reply?.refused || row.error || short(row)}</span>
    <${Badges} row=${row} />
    <span class="inspector-took">${took(row.took_ms)}</span>
  </div>`;
}

/** The summary without the name that stands before it. */
function short(row) {
  const name = row.method ?? row.kind ?? '';
  return row.summary?.startsWith(name) ? row.summary.slice(name.length).trimStart() : row.summary;
}

/** What is unusual about a row. */
export function Badges({row}) {
  return html`
    ${row.attempt > 1 && html`<span class="badge warn" title="Attempt ${row.attempt} to deliver the update">attempt ${row.attempt}</span>`}
    ${row.fault && html`<span class="badge warn" title="A fault that you have set">${row.fault}</span>`}
    ${row.note && html`<span class="badge" title=${row.note}>not simulated</span>`}
    ${row.unknown_params?.length > 0 && html`<span class="badge warn" title=${'The method has no parameter ' + row.unknown_params.join(', ')}>unknown: ${row.unknown_params.join(', ')}</span>`}
    ${row.reply?.refused && html`<span class="badge danger">reply refused</span>`}
    ${row.reply?.rode && !row.reply.refused && html`<span class="badge ok" title="The method came in the HTTP response and was executed">replied</span>`}
    ${row.type === 'reply' && html`<span class="badge ok" title="It came in the HTTP response to an update">in the answer</span>`}
    ${row.status >= 300 && html`<span class="badge danger">${row.status}</span>`}`;
}

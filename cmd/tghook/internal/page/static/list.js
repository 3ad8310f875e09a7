// The list of messages: it grows and shrinks with the reader's scrolling, and stays where the reader is.
import {html, Component} from './vendor/preact.js';
import {Bubble, author} from './bubble.js';
import {Icon} from './icons.js';
import {serviceText} from './service.js';
import {RichText} from './entities.js';
import {attempt} from './toast.js';
import {dayOf, dayTitle} from './format.js';

const NEAR = 700; // pixels from an end at which more is loaded
const RUN = 300; // seconds within which messages of one author belong together

/** Puts messages in order for drawing: dates, the mark of unread ones, albums as groups, runs of one author. */
export function arrange(messages, as, unreadAfter) {
  const out = [];
  let day = null, marked = false;
  const seen = messages.filter(m => m.message_id <= unreadAfter);
  for (const m of messages) {
    const own = String(m.from?.id) === String(as);
    if (dayOf(m.date) !== day) out.push({type: 'date', key: `d${dayOf(m.date)}-${m.message_id}`, title: dayTitle(m.date)});
    day = dayOf(m.date);
    if (!marked && unreadAfter > 0 && seen.length && m.message_id > unreadAfter && !own) {
      out.push({type: 'unread', key: 'unread'});
      marked = true;
    }
    const before = out[out.length - 1];
    if (m.media_group_id && before?.type === 'group' && before.messages[0].media_group_id === m.media_group_id) {
      before.messages.push(m);
      continue;
    }
    out.push({type: 'group', key: m.message_id, messages: [m], own});
  }
  out.forEach((item, i) => {
    if (item.type !== 'group') return;
    item.first = !joins(out[i - 1], item);
    item.last = !joins(item, out[i + 1]);
  });
  return out;
}

function joins(a, b) {
  if (a?.type !== 'group' || b?.type !== 'group') return false;
  const x = a.messages[a.messages.length - 1], y = b.messages[0];
  return !serviceText(x) && !serviceText(y) && author(x)?.id === author(y)?.id && y.date - x.date < RUN;
}

/** Props: {conversation, state, as, unreadAfter, showAuthor, onMenu, onRead, api, chatUrl, empty, act}. */
export class MessageList extends Component {
  state = {away: false, active: null};
  #box = null;
  #content = null;
  #resize = null;
  #marked = null;
  #atEnd = true;
  #top = 0; // where the list was scrolled to, as far as the browser has told

  componentDidMount() {
    this.#toEnd();
    this.#resize = new ResizeObserver(() => { if (this.#atEnd) this.#toEnd(); });
    this.#resize.observe(this.#content);
    this.#resize.observe(this.#box);
    document.addEventListener('visibilitychange', this.#read);
  }

  componentWillUnmount() {
    this.#resize.disconnect();
    document.removeEventListener('visibilitychange', this.#read);
  }

  getSnapshotBeforeUpdate() {
    this.#leave();
    if (this.#atEnd && !this.props.state.moreAfter) return null;
    const top = this.#box.getBoundingClientRect().top;
    const anchors = [];
    for (const row of this.#content.children) {
      const box = row.getBoundingClientRect();
      if (box.bottom > top && row.dataset.message) anchors.push({id: row.id, offset: box.top - top});
    }
    return anchors;
  }

  componentDidUpdate(before, _, anchors) {
    const {state} = this.props;
    if (before.conversation !== this.props.conversation || !before.state.loaded || before.state.end !== state.end) this.#atEnd = true;
    if (state.mark && state.mark !== this.#marked) {
      this.#marked = state.mark;
      this.#show(state.mark.id);
    } else if (this.#atEnd && !state.moreAfter) this.#toEnd();
    else if (anchors && before.state.messages !== state.messages) this.#hold(anchors);
    this.#scrolled();
  }

  // The first row in sight may have gone: it was cut off, or its album has grown.
  #hold(anchors) {
    const anchor = anchors.find(({id}) => document.getElementById(id));
    if (!anchor) return;
    const now = document.getElementById(anchor.id).getBoundingClientRect().top - this.#box.getBoundingClientRect().top;
    if (Math.abs(now - anchor.offset) > 0.5) this.#box.scrollTop += now - anchor.offset;
  }

  #toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#top = this.#box.scrollTop;
  }

  // The reader may have scrolled since the last event of the browser.
  #leave() {
    if (this.#atEnd && this.#box.scrollTop < this.#top - 2 && this.#below() > 48) this.#atEnd = false;
  }

  #below() { return this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight; }

  #show(id) {
    const row = this.#row(id);
    if (!row) return;
    this.#atEnd = false;
    row.scrollIntoView({block: 'center'});
    if (document.activeElement?.type !== 'search') row.focus({preventScroll: true});
  }

  // A message of an album stands in the row of the album's first one.
  #row(id) {
    const rows = [...this.#content.querySelectorAll('[data-message]')];
    return rows.findLast(row => Number(row.dataset.message) <= id);
  }

  #scrolled = () => {
    const {conversation, state} = this.props;
    const box = this.#box;
    if (!box || !state.loaded) return;
    const below = this.#below();
    this.#top = box.scrollTop;
    this.#atEnd = below < 48 && !state.moreAfter;
    conversation.atEnd = this.#atEnd;
    conversation.near = box.scrollTop < NEAR && state.moreBefore ? 'start' : below < NEAR && state.moreAfter ? 'end' : null;
    conversation.more(state.messages);
    const away = below > 320 || state.moreAfter;
    if (away !== this.state.away) this.setState({away});
    this.#read();
  };

  #read = () => {
    if (this.#atEnd && document.visibilityState === 'visible') this.props.onRead();
  };

  #down = () => {
    if (this.props.state.moreAfter) return this.props.conversation.newest();
    this.#atEnd = true;
    return this.#box.scrollTo({top: this.#box.scrollHeight, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
  };

  #keys = e => {
    const row = e.target.closest('[data-message]');
    if (!row || e.target !== row || e.ctrlKey || e.metaKey || e.altKey) return;
    const rows = [...this.#content.querySelectorAll('[data-message]')];
    const i = rows.indexOf(row);
    const to = {ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: rows.length - 1}[e.key];
    const message = this.props.state.messages.find(m => m.message_id === Number(row.dataset.message));
    if (to !== undefined) {
      e.preventDefault();
      const next = rows[Math.max(0, Math.min(to, rows.length - 1))];
      this.setState({active: Number(next.dataset.message)});
      next.focus({preventScroll: true});
      next.scrollIntoView({block: 'nearest'});
    } else if (e.key === 'Enter' || e.key === ' ' || e.key === 'ContextMenu') {
      e.preventDefault();
      this.props.onMenu(message, row, {x: row.getBoundingClientRect().left + 60, y: Math.min(row.getBoundingClientRect().bottom, innerHeight - 60)});
    }
  };

  #focused = e => {
    const row = e.target.closest('[data-message]');
    if (row && Number(row.dataset.message) !== this.state.active) this.setState({active: Number(row.dataset.message)});
  };

  render({state, as, unreadAfter, showAuthor, onMenu, empty, conversation, act, waiting, api, chatUrl}, {away, active}) {
    const items = arrange(state.messages, as, unreadAfter);
    const groups = items.filter(item => item.type === 'group');
    const tab = groups.some(g => g.messages[0].message_id === active) ? active : groups[groups.length - 1]?.messages[0].message_id;
    const drafts = state.info?.drafts ?? [];
    return html`<div class="list">
      <div class="scroller" ref=${e => { this.#box = e; }} onScroll=${this.#scrolled} onKeyDown=${this.#keys} onFocusIn=${this.#focused}>
        <ol class="messages" aria-label="Messages" ref=${e => { this.#content = e; }}>
          ${state.moreBefore && html`<li class="service" key="more"><span class="service-text"><span class="spinner"></span> Older messages</span></li>`}
          ${items.map(item => item.type === 'date' ? html`<li class="date" key=${item.key}><span class="service-text">${item.title}</span></li>`
            : item.type === 'unread' ? html`<li class="unread-line" key="unread"><span>Unread messages</span></li>`
            : html`<${Bubble} key=${item.key} group=${item.messages} own=${item.own} first=${item.first} last=${item.last} as=${as} showAuthor=${showAuthor}
                marked=${item.messages.some(m => m.message_id === state.mark?.id)} tabIndex=${item.key === tab ? 0 : -1} onMenu=${onMenu} jump=${id => attempt(() => conversation.around(id))} />`)}
          ${drafts.map(d => html`<${Draft} key=${'draft' + d.draft_id} draft=${d} act=${act} as=${as} api=${api} chatUrl=${chatUrl} />`)}
        </ol>
        ${state.loaded && !state.messages.length && !drafts.length ? empty : null}
        ${!state.loaded && html`<div class="list-wait"><span class="spinner" aria-label="Loading"></span></div>`}
        ${state.error && html`<div class="list-wait"><p class="error-text" role="alert">${state.error}</p><button class="button" onClick=${() => conversation.newest()}>Try again</button></div>`}
      </div>
      ${away && html`<button type="button" class="to-end" aria-label=${waiting ? `To the newest message, ${waiting} unread` : 'To the newest message'} title="To the newest message" onClick=${this.#down}><${Icon} name="down" size=${22} />${waiting ? html`<span class="badge count">${waiting}</span>` : null}</button>`}
    </div>`;
  }
}

/** An answer that the bot is still writing. */
function Draft({draft, act, as, api, chatUrl}) {
  const stop = () => attempt(() => api.post(`${chatUrl}/drafts/${draft.draft_id}/stop`, {as}));
  return html`<li class="message other first last draft" aria-label=${`The bot is writing: ${draft.text}`}><div class="stack"><div class="bubble"><div class="text"><${RichText} text=${draft.text} entities=${draft.entities} act=${act} /><span class="caret" aria-hidden="true"></span></div></div>
    ${draft.can_stop && html`<button type="button" class="button small stop" onClick=${stop}><${Icon} name="stop" size=${14} /> Stop</button>`}</div></li>`;
}

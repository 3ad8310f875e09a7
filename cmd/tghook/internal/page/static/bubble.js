// One message, or one album, as a bubble.
import {html, Component} from './vendor/preact.js';
import {Place} from './place.js';
import {Avatar} from './avatar.js';
import {Icon} from './icons.js';
import {RichText} from './entities.js';
import {Media, Album} from './media.js';
import {Poll} from './poll.js';
import {Invoice, Receipt} from './pay.js';
import {InlineKeyboard} from './keyboard.js';
import {serviceText, summary} from './service.js';
import {fullTime, hue, timeOf, userName} from './format.js';

/** Who wrote a message, as the chat shows it. */
export function author(m) { return m.sender_chat ?? m.from ?? m.chat; }

function isEdited(m) { return Boolean(m.edit_date || m.x?.edited); }

/** A group is the messages of one album, or a single message. Props: {group, own, first, last, marked, onMenu, onReply, jump}. */
export class Bubble extends Component {
  shouldComponentUpdate(next) {
    return next.group.length !== this.props.group.length || next.group.some((m, i) => m !== this.props.group[i])
      || ['own', 'first', 'last', 'marked', 'showAuthor', 'tabIndex', 'as'].some(key => next[key] !== this.props[key]);
  }

  render({group, own, first, last, marked, showAuthor, tabIndex, onMenu, jump}) {
    const m = group[0];
    const caption = group.find(x => x.caption) ?? m;
    const service = serviceText(m);
    const who = author(m);
    const name = userName(who);
    const label = `${own ? 'You' : name}, ${timeOf(m.date)}: ${summary(caption)}`;
    const common = {
      id: `message-${m.message_id}`, 'data-message': m.message_id, tabIndex, 'aria-label': label,
      onContextMenu: e => { if (!e.target.closest('a, input, textarea')) { e.preventDefault(); onMenu(m, e.currentTarget, {x: e.clientX, y: e.clientY}); } },
    };
    if (service) {
      return html`<li ...${common} class=${'service' + (marked ? ' marked' : '') + (m.x?.deleted ? ' deleted' : '')}><span class="service-text" title=${fullTime(m.date)}>${service}</span>
        ${m.successful_payment && html`<div class="bubble service-card"><${Receipt} payment=${m.successful_payment} /></div>`}</li>`;
    }
    const bare = !m.reply_to_message && !m.forward_origin && (m.sticker || m.dice || m.video_note);
    const visual = m.photo || m.video || m.animation || m.paid_media;
    const classes = ['message', own ? 'own' : 'other', first && 'first', last && 'last', bare && 'bare', visual && 'visual', marked && 'marked', m.x?.deleted && 'deleted', isEdited(m) && 'was-edited', visual && !caption.caption && 'no-caption'];
    return html`<li ...${common} class=${classes.filter(Boolean).join(' ')}>
      ${showAuthor && !own ? (last ? html`<span class="side-avatar"><${Avatar} id=${who.id} name=${name} size="small" icon=${who.type === 'channel' ? 'channel' : undefined} /></span>` : html`<span class="side-avatar"></span>`) : null}
      <div class="stack">
        <div class="bubble">
          ${showAuthor && first && !own ? html`<div class=${`author name-${hue(who.id)}`}>${name}${m.from?.is_bot ? html`<span class="badge tiny">bot</span>` : null}${m.author_signature ? html`<span class="muted"> ${m.author_signature}</span>` : null}</div>` : null}
          <${Forwarded} origin=${m.forward_origin} />
          ${m.via_bot ? html`<div class="via">via @${m.via_bot.username}</div>` : null}
          <${ReplyTo} message=${m} jump=${jump} />
          <${Body} group=${group} caption=${caption} />
          <${Meta} message=${m} own=${own} />
        </div>
        <${InlineKeyboard} message=${m} />
        <${Reactions} message=${m} />
      </div>
      <button type="button" class="icon-button message-more" tabindex="-1" aria-label="Actions on the message" title="Actions" aria-haspopup="menu" onClick=${e => onMenu(m, e.currentTarget)}><${Icon} name="more" size=${18} /></button>
    </li>`;
  }
}

function Body({group, caption}) {
  const m = group[0];
  const above = caption.show_caption_above_media;
  const text = m.text !== undefined || caption.caption !== undefined
    ? html`<div class=${'text' + (onlyEmoji(m) ? ' emoji-only' : '')}><${Text} message=${m.text !== undefined ? m : caption} /></div>` : null;
  const media = m.poll ? html`<${Poll} message=${m} />` : m.invoice ? html`<${Invoice} message=${m} />`
    : group.length > 1 ? html`<${Album} messages=${group} />` : html`<${Media} message=${m} />`;
  if (!text && !known(m)) return html`<div class="text muted">The page has no picture of this kind of message. Its JSON is in the inspector.</div>`;
  return above ? [text, media] : [media, text];
}

const kinds = ['text', 'photo', 'video', 'animation', 'audio', 'voice', 'video_note', 'sticker', 'document', 'venue', 'location', 'contact', 'dice', 'game', 'poll', 'invoice', 'paid_media', 'checklist'];

function known(m) { return kinds.some(kind => m[kind] !== undefined); }

class Text extends Component {
  static contextType = Place;

  render({message: m}) {
    const act = this.context?.act;
    return m.text !== undefined ? html`<${RichText} text=${m.text} entities=${m.entities} act=${act} />` : html`<${RichText} text=${m.caption} entities=${m.caption_entities} act=${act} />`;
  }
}

function onlyEmoji(m) {
  return m.text && m.text.length <= 12 && !m.entities?.length && /^(\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f|\s)+$/u.test(m.text);
}

function Forwarded({origin}) {
  if (!origin) return null;
  const name = origin.sender_user_name ?? userName(origin.sender_user ?? origin.sender_chat ?? origin.chat) ?? '';
  return html`<div class="forwarded"><${Icon} name="forward" size=${14} /> Forwarded from <b>${name || 'somebody'}</b></div>`;
}

function ReplyTo({message: m, jump}) {
  const to = m.reply_to_message;
  const quote = m.quote?.text;
  if (!to && !m.external_reply) return null;
  if (to?.forum_topic_created) return null;
  const who = to ? author(to) : m.external_reply.chat;
  return html`<button type="button" class=${`reply-preview edge-${hue(who?.id ?? 0)}`} disabled=${!to} aria-label=${`Answer to ${userName(who)}: ${quote ?? summary(to ?? {})}. Press to go there.`} onClick=${() => jump(to.message_id)}>
    <b class="ellipsis">${userName(who) || 'Message'}</b><span class="ellipsis">${quote ?? summary(to ?? m.external_reply)}</span></button>`;
}

function Meta({message: m, own}) {
  const via = m.x?.via === 'reply' ? 'sent as the answer to a webhook' : m.x?.via === 'call' ? 'sent by an API call' : '';
  return html`<span class="meta" title=${[fullTime(m.date), `message ${m.message_id}`, via].filter(Boolean).join('\n')}>
    ${m.x?.deleted && html`<span>deleted</span>`}
    ${m.x?.views !== undefined && html`<span><${Icon} name="eye" size=${13} /> ${m.x.views}</span>`}
    ${m.has_protected_content && html`<${Icon} name="lock" size=${11} />`}
    ${isEdited(m) && html`<span class="edited">edited</span>`}
    <time dateTime=${new Date(m.date * 1000).toISOString()}>${timeOf(m.date)}</time>
    ${own && html`<svg class="ticks" viewBox="0 0 18 11" width="18" height="11" aria-hidden="true"><path d=${m.x?.delivered === false ? 'M5 6l3.500 3.500L15 2' : 'M1 6l3.500 3.500L11 2M7.500 8.500l1 1L15 2'} /></svg>`}
  </span>`;
}

class Reactions extends Component {
  static contextType = Place;

  render({message: m}) {
    const list = m.x?.reactions ?? [];
    if (!list.length) return null;
    const {as, react} = this.context;
    return html`<div class="reactions">${list.map(r => {
      const mine = (r.users ?? []).some(u => String(u) === String(as));
      return html`<button type="button" key=${r.emoji} class=${'reaction' + (mine ? ' mine' : '')} aria-pressed=${mine} aria-label=${`${r.emoji} ${r.count}${mine ? ', yours' : ''}`} onClick=${() => react(m, r.emoji)}>${r.emoji}<span class="tabular">${r.count}</span></button>`;
    })}</div>`;
  }
}

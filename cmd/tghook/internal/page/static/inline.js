// Inline mode: "@bot query" asks the bot for results to choose from.
import {html, useState, useEffect} from './vendor/preact.js';
import {usePlace} from './place.js';
import {Icon} from './icons.js';
import {attempt} from './toast.js';
import {botPath} from './api.js';
import {hue} from './format.js';

/** Splits "@bot query"; null if the text does not begin with this bot's name. */
export function inlineQuery(text, username) {
  if (!username || !text.toLowerCase().startsWith(`@${username.toLowerCase()} `)) return null;
  return text.slice(username.length + 2);
}

/** The results of a query. `onDone` is called when one was chosen. */
export function InlineResults({query, onDone}) {
  const {api, bot, chat, as, conversation} = usePlace();
  const [state, set] = useState({query: null, answer: null, error: null});
  const url = `${botPath(bot.id)}/inline`;
  useEffect(() => {
    let old = false;
    const timer = setTimeout(async () => {
      try {
        const answer = await api.post(url, {as, query, chat: chat.id, wait: '10s'});
        if (!old) set({query, answer, error: null});
      } catch (err) {
        if (!old) set({query, answer: null, error: err.message});
      }
    }, 250);
    return () => { old = true; clearTimeout(timer); };
  }, [query, as, chat.id]);

  const pick = index => attempt(async () => {
    const answer = await api.post(`${url}/${encodeURIComponent(state.answer.id)}/choose`, {index});
    conversation.add(answer?.messages ?? (answer?.message ? [answer.message] : []));
    onDone();
  });

  const busy = state.query !== query;
  const results = state.answer?.results ?? [];
  return html`<div class="suggestions inline-results" role=${results.length > 0 ? 'listbox' : 'status'} aria-label="Results of the bot" aria-busy=${busy}>
    <div class="suggestions-head"><span>Results of @${bot.username}</span>${busy && html`<span class="spinner"></span>`}</div>
    ${state.error && html`<p class="error-text">${state.error}</p>`}
    ${!busy && !state.error && !results.length && html`<p class="muted pad">The bot answered with no results.</p>`}
    ${results.map((r, i) => html`<button type="button" role="option" aria-selected="false" key=${i} class="suggestion" onClick=${() => pick(i)}>
      <span class=${`thumb hue-${hue(r.id)}`} aria-hidden="true"><${Icon} name=${icons[r.type] ?? 'file'} /></span>
      <span class="suggestion-text"><b class="ellipsis">${r.title ?? r.caption ?? r.phone_number ?? r.type}</b><span class="muted ellipsis">${r.description ?? r.input_message_content?.message_text ?? r.type}</span></span></button>`)}
  </div>`;
}

const icons = {photo: 'image', gif: 'image', mpeg4_gif: 'image', video: 'play', audio: 'music', voice: 'mic', location: 'location', venue: 'location', contact: 'user', game: 'dice', sticker: 'smile', article: 'file', document: 'file'};

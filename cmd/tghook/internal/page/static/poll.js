// Polls and quizzes with live votes.
import {html, useState} from './vendor/preact.js';
import {usePlace} from './place.js';
import {attempt} from './toast.js';
import {RichText} from './entities.js';
import {Icon} from './icons.js';
import {count} from './format.js';

function kindOf(poll) {
  if (poll.is_closed) return 'Final results';
  const who = poll.is_anonymous === false ? '' : 'Anonymous ';
  return (who + (poll.type === 'quiz' ? 'quiz' : 'poll')).replace(/^./, c => c.toUpperCase());
}

/** The options that the acting user chose, as far as the message says so. */
function chosenBy(message, as) {
  return message.x?.voters?.find(v => v.user === as)?.options ?? [];
}

export function Poll({message}) {
  const {api, as, chatUrl} = usePlace();
  const poll = message.poll;
  const chosen = chosenBy(message, as);
  const [picked, pick] = useState([]);
  const [busy, setBusy] = useState(false);
  const voted = chosen.length > 0;
  const results = voted || poll.is_closed;
  const total = poll.total_voter_count || 0;

  const vote = async options => {
    setBusy(true);
    await attempt(async () => {
      await api.post(`${chatUrl}/messages/${message.message_id}/vote`, {as, options});
      pick([]);
    });
    setBusy(false);
  };
  const press = i => {
    if (!poll.allows_multiple_answers) return vote([i]);
    pick(picked.includes(i) ? picked.filter(n => n !== i) : [...picked, i]);
  };

  const correct = poll.correct_option_ids ?? (poll.correct_option_id === undefined ? [] : [poll.correct_option_id]);
  return html`<div class="poll">
    <b class="poll-question"><${RichText} text=${poll.question} entities=${poll.question_entities} /></b>
    <span class="muted">${kindOf(poll)}${poll.allows_multiple_answers && !poll.is_closed ? ' · several answers' : ''}</span>
    <div role="group" aria-label=${poll.question}>
    ${poll.options.map((option, i) => results
      ? html`<${Result} key=${i} option=${option} total=${total} mine=${chosen.includes(i)} right=${poll.type === 'quiz' ? (correct.length ? correct.includes(i) : null) : null} />`
      : html`<button type="button" key=${i} class="poll-option" disabled=${busy} role=${poll.allows_multiple_answers ? 'checkbox' : undefined} aria-checked=${poll.allows_multiple_answers ? String(picked.includes(i)) : undefined} onClick=${() => press(i)}>
          <span class=${'poll-mark' + (poll.allows_multiple_answers ? ' square' : '') + (picked.includes(i) ? ' on' : '')} aria-hidden="true">${picked.includes(i) ? '✓' : ''}</span>
          <span><${RichText} text=${option.text} entities=${option.text_entities} /></span></button>`)}
    </div>
    ${results && poll.type === 'quiz' && poll.explanation ? html`<p class="poll-why"><${Icon} name="info" size=${16} /> <${RichText} text=${poll.explanation} entities=${poll.explanation_entities} /></p>` : null}
    <div class="poll-foot">
      <span class="muted">${total ? count(total, 'vote') : 'No votes yet'}</span>
      ${picked.length ? html`<button type="button" class="button small primary" disabled=${busy} onClick=${() => vote(picked)}>Vote</button>` : null}
      ${voted && !poll.is_closed && poll.type !== 'quiz' ? html`<button type="button" class="button small" disabled=${busy} onClick=${() => vote([])}>Take back</button>` : null}
    </div>
  </div>`;
}

function Result({option, total, mine, right}) {
  const percent = total ? Math.round(option.voter_count / total * 100) : 0;
  const tone = right === null ? '' : right ? ' right' : mine ? ' wrong' : '';
  return html`<div class=${'poll-result' + tone} aria-label=${`${option.text}: ${percent} percent, ${count(option.voter_count, 'vote')}${mine ? ', your answer' : ''}${right ? ', right' : ''}`} role="img">
    <span class="poll-percent tabular">${percent}%</span>
    <span class="poll-text"><${RichText} text=${option.text} entities=${option.text_entities} />${mine || right ? html` <span class="poll-mine">${right === false ? '✗' : '✓'}</span>` : null}</span>
    <span class="poll-bar"><span style=${{width: `${Math.max(percent, 1)}%`}}></span></span>
  </div>`;
}

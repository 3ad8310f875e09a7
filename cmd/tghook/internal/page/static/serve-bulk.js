// A dialogue that replays or discards many dead letters, one after the other, so that those of a chat keep their order.
import {html, useEffect, useRef, useState} from './vendor/preact.js';
import {Dialog} from './dialog.js';
import {count} from './format.js';
import {lettersPath, loadPage} from './serve-letters.js';

const words = {
  replay: {title: 'Replay dead letters', yes: 'Replay', done: 'went back', text: 'Each goes to the end of its chat’s queue, and its attempts count from zero.'},
  discard: {title: 'Discard dead letters', yes: 'Discard', done: 'discarded', text: 'The updates are removed for good. The bot never gets them.'},
};

/** `ids` are the dead letters; if null, all that there are now. */
export function Bulk({api, bot, copy, verb, ids, onEnd}) {
  const [all, setAll] = useState(ids);
  const [phase, setPhase] = useState(ids ? 'ask' : 'count');
  const [done, setDone] = useState({acted: 0, gone: 0, failure: ''});
  const [found, setFound] = useState(0);
  const over = useRef(false);
  useEffect(() => {
    if (!ids) collect();
    return () => { over.current = true; };
  }, []);

  const collect = async () => {
    const list = [];
    try {
      for (let more = true; more && !over.current;) {
        const page = await loadPage(api, bot, copy, list.at(-1));
        list.push(...page.letters.map(l => l.id));
        more = page.more;
        setFound(list.length);
      }
      setAll(list);
      setPhase('ask');
    } catch (err) {
      setDone({...done, failure: err.message});
      setPhase('end');
    }
  };
  const run = async () => {
    setPhase('run');
    const now = {acted: 0, gone: 0, failure: ''};
    for (const id of all) {
      if (over.current) break;
      try {
        await api.post(lettersPath(bot, copy, {}, id, verb));
        now.acted++;
      } catch (err) {
        if (err.status !== 404) {
          now.failure = err.message;
          break;
        }
        now.gone++; // somebody else has replayed or discarded it
      }
      setDone({...now});
    }
    setDone({...now});
    setPhase('end');
  };
  const stop = () => {
    over.current = true;
    if (phase !== 'run') onEnd();
  };
  const {title, yes, text} = words[verb];
  return html`<${Dialog} title=${title} onClose=${stop}>
    ${phase === 'count' && html`<p role="status">Counting: ${found}</p>`}
    ${phase === 'ask' && html`<p class="alert-text">${yes} ${count(all.length, 'dead letter')} of ${bot}${copy && `, copy ${copy}`}? ${text}</p>`}
    ${phase === 'run' && html`<progress class="serve-progress" max=${all.length} value=${done.acted + done.gone} aria-label=${title}></progress><p role="status">${done.acted + done.gone} of ${all.length}</p>`}
    ${phase === 'end' && html`<${Result} all=${all ?? []} done=${done} verb=${verb} />`}
    <div class="dialog-foot">
      ${phase === 'end' ? html`<button class="button primary" onClick=${() => onEnd()}>Close</button>`
        : html`<button class="button" onClick=${stop}>${phase === 'run' ? 'Stop' : 'Cancel'}</button>`}
      ${phase === 'ask' && html`<button class=${'button ' + (verb === 'discard' ? 'danger' : 'primary')} disabled=${all.length === 0} onClick=${run}>${yes}</button>`}
    </div>
  </${Dialog}>`;
}

function Result({all, done: {acted, gone, failure}, verb}) {
  const left = all.length - acted - gone;
  return html`<p role="status" class="alert-text">${count(acted, 'dead letter')} ${words[verb].done}.
    ${gone > 0 && ` ${gone} ${gone === 1 ? 'was' : 'were'} gone already.`}${left > 0 && ` ${left} ${left === 1 ? 'is' : 'are'} left.`}</p>
    ${failure && html`<p class="inspector-verdict failed" role="alert">${failure}</p>`}`;
}

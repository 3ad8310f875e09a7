// The log of the bot's process.
import {html, useEffect, useLayoutEffect, useRef, useState} from './vendor/preact.js';
import {Dialog} from './dialog.js';
import {Icon} from './icons.js';
import {attempt} from './toast.js';

const keepLines = 1000;

export function ChildLog({api, onClose}) {
  const [child, setChild] = useState(null);
  const [lines, setLines] = useState([]);
  const [error, setError] = useState('');
  const box = useRef();
  const follow = useRef(true);
  useEffect(() => {
    const load = () => api.get('/api/child').then(answer => { setChild(answer); setLines(answer.log); setError(''); }, err => setError(err.message));
    load();
    const ends = [
      api.on('log', event => setLines(now => [...now, event.text ?? ''].slice(-keepLines))),
      api.on('child', load),
    ];
    return () => ends.forEach(end => end());
  }, []);
  useLayoutEffect(() => { if (follow.current && box.current) box.current.scrollTop = box.current.scrollHeight; }, [lines]);
  return html`<${Dialog} title="Log of the bot’s process" wide className="inspector-log" onClose=${onClose}>
    ${error && html`<p class="inspector-none">${error}</p>`}
    ${child && html`<div class="inspector-log-head"><code>${child.command}</code>
      <span class=${child.running ? 'badge ok' : 'badge danger'}>${child.running ? `running, pid ${child.pid}` : child.exit ? `ended: ${child.exit}` : 'not running'}</span>
      ${child.restarts > 0 && html`<span class="badge">${child.restarts} ${child.restarts === 1 ? 'restart' : 'restarts'}</span>`}
      <button class="button small" onClick=${() => attempt(() => api.post('/api/child/restart'))}><${Icon} name="refresh" size=${14} /> Restart</button></div>`}
    <pre class="inspector-code inspector-log-lines" tabindex="0" ref=${box} onScroll=${e => { const b = e.currentTarget; follow.current = b.scrollTop + b.clientHeight >= b.scrollHeight - 30; }}>${lines.join('\n')}</pre>
    ${!error && lines.length === 0 && html`<p class="inspector-none">The process has printed nothing yet.</p>`}
  </${Dialog}>`;
}

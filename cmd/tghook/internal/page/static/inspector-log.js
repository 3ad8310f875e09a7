// The log of the bot's process.
import {html, useEffect, useLayoutEffect, useRef, useState} from './vendor/preact.js';
import {Dialog} from './dialog.js';
import {Icon} from './icons.js';
import {attempt} from './toast.js';
import {asking} from './api.js';

const keepLines = 1000;

export function ChildLog({api, onClose}) {
  const [child, setChild] = useState(null);
  const [lines, setLines] = useState([]);
  const [error, setError] = useState('');
  const box = useRef();
  const follow = useRef(true);
  useEffect(() => {
    const {load, end} = asking(() => api.get('/api/child'), answer => {
      setChild(answer);
      setError('');
      const {log, last_line: last = 0} = answer;
      const logged = log.map((text, i) => ({number: last - log.length + 1 + i, text}));
      setLines(now => [...logged, ...now.filter(line => line.number > last)].slice(-keepLines));
    }, err => setError(err.message));
    load();
    const ends = [
      end,
      api.on('log', ({line, text = ''}) => setLines(now => line > (now.at(-1)?.number ?? 0) ? [...now, {number: line, text}].slice(-keepLines) : now)),
      api.on('child', load),
      api.on('reset', () => { setLines([]); load(); }),
    ];
    return () => ends.forEach(f => f());
  }, []);
  useLayoutEffect(() => { if (follow.current && box.current) box.current.scrollTop = box.current.scrollHeight; }, [lines]);
  return html`<${Dialog} title="Log of the bot’s process" wide className="inspector-log" onClose=${onClose}>
    ${error && html`<p class="inspector-none">${error}</p>`}
    ${child && html`<div class="inspector-log-head"><code>${child.command}</code>
      <span class=${child.running ? 'badge ok' : 'badge danger'}>${child.running ? `running, pid ${child.pid}` : child.exit ? `ended: ${child.exit}` : 'not running'}</span>
      ${child.restarts > 0 && html`<span class="badge">${child.restarts} ${child.restarts === 1 ? 'restart' : 'restarts'}</span>`}
      <button class="button small" onClick=${() => attempt(() => api.post('/api/child/restart'))}><${Icon} name="refresh" size=${14} /> Restart</button></div>`}
    <pre class="inspector-code inspector-log-lines" tabindex="0" ref=${box} onScroll=${e => { const b = e.currentTarget; follow.current = b.scrollTop + b.clientHeight >= b.scrollHeight - 30; }}>${lines.map(line => line.text).join('\n')}</pre>
    ${!error && lines.length === 0 && html`<p class="inspector-none">The process has printed nothing yet.</p>`}
  </${Dialog}>`;
}

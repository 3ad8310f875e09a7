// How long ago something was, as text that grows by itself.
import {html, useLayoutEffect, useState} from './vendor/preact.js';
import {took} from './inspector-time.js';

let ahead = 0; // milliseconds that the clock of the command is ahead of the browser's

/** Tells the time of the command. Ages are counted by its clock. */
export function setClock(at) {
  const now = new Date(at).getTime();
  if (!Number.isNaN(now)) ahead = now - Date.now();
}

const shown = new Set(); // what renders each Age that is in the page
let timer = 0;

function watch(render) {
  shown.add(render);
  if (!timer) timer = setInterval(() => { for (const f of shown) f(); }, 1000);
  return () => {
    shown.delete(render);
    if (shown.size > 0) return;
    clearInterval(timer);
    timer = 0;
  };
}

export function Age({at}) {
  const [, render] = useState(0);
  useLayoutEffect(() => watch(() => render(n => n + 1)), []);
  return html`${took(Math.max(1000, Date.now() + ahead - new Date(at).getTime()))}`;
}

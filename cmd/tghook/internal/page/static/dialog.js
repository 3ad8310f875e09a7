// Dialogues: the browser's own, so that focus, Esc and screen readers work.
import {html, useLayoutEffect, useRef} from './vendor/preact.js';
import {Store, useStore} from './store.js';
import {Icon} from './icons.js';

let ids = 0;

/** A modal dialogue with a title. `onClose` is called by Esc, by the cross and by a click beside it. */
export function Dialog({title, onClose, children, wide = false, className = ''}) {
  const ref = useRef();
  const id = useRef(`dialog-${++ids}`);
  const close = useRef();
  close.current = onClose;
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog.showModal();
    const cancel = e => { e.preventDefault(); close.current(); };
    dialog.addEventListener('cancel', cancel);
    return () => {
      dialog.removeEventListener('cancel', cancel);
      if (dialog.open) dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const beside = e => { if (e.target === ref.current) onClose(); };
  return html`<dialog ref=${ref} class=${`dialog ${wide ? 'wide' : ''} ${className}`} aria-labelledby=${id.current} onMouseDown=${beside}>
    <div class="dialog-frame">
      <header class="dialog-head"><h2 id=${id.current}>${title}</h2>
        <button class="icon-button" aria-label="Close" title="Close" onClick=${onClose}><${Icon} name="close" /></button>
      </header>
      <div class="dialog-body">${children}</div>
    </div>
  </dialog>`;
}

const open = new Store({list: []});
let next = 1;

/** Shows a dialogue: render(close) makes it. Resolves to what close was called with. */
export function show(render) {
  return new Promise(resolve => {
    const entry = {id: next++};
    entry.close = value => {
      open.set({list: open.state.list.filter(e => e !== entry)});
      resolve(value);
    };
    entry.render = render;
    open.set({list: [...open.state.list, entry]});
  });
}

/** Shows a text that wants to be read, as Telegram shows an alert. */
export function alertText(title, text) {
  return show(close => html`<${Dialog} title=${title} onClose=${() => close()}>
    <p class="alert-text">${text}</p>
    <div class="dialog-foot"><button class="button primary" onClick=${() => close()}>OK</button></div>
  </${Dialog}>`);
}

/** Asks a question. Resolves to true or false. */
export function ask(title, text, yes, {danger = false} = {}) {
  return show(close => html`<${Dialog} title=${title} onClose=${() => close(false)}>
    <p class="alert-text">${text}</p>
    <div class="dialog-foot">
      <button class="button" onClick=${() => close(false)}>Cancel</button>
      <button class=${'button ' + (danger ? 'danger' : 'primary')} onClick=${() => close(true)}>${yes}</button>
    </div>
  </${Dialog}>`);
}

export function Dialogs() {
  const list = useStore(open, s => s.list);
  return html`${list.map(e => html`<${Shown} key=${e.id} entry=${e} />`)}`;
}

function Shown({entry}) { return entry.render(entry.close); }

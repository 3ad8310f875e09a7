// The help: all keys.
import {html} from './vendor/preact.js';
import {Dialog, show} from './dialog.js';
import {list, shown} from './commands.js';

export function openHelp() {
  const groups = new Map();
  for (const c of list()) if (c.keys) groups.set(c.group ?? 'Page', [...(groups.get(c.group ?? 'Page') ?? []), c]);
  return show(close => html`<${Dialog} title="Keys" wide=${true} className="help" onClose=${() => close()}>
    <div class="key-groups">${[...groups].map(([name, commands]) => html`<section key=${name}><h3>${name}</h3><dl>${commands.map(c => html`<div key=${c.id}><dt>${c.title}</dt><dd>${c.keys.split(' ').map((keys, i) => html`${i > 0 && ' or '}${shown(keys).map(k => html`<kbd>${k}</kbd>`)}`)}</dd></div>`)}</dl></section>`)}
    <section><h3>In the field</h3><dl>
      <div><dt>Send</dt><dd><kbd>Enter</kbd></dd></div><div><dt>New line</dt><dd><kbd>Shift</kbd><kbd>Enter</kbd></dd></div><div><dt>Edit your last message</dt><dd><kbd>↑</kbd></dd></div><div><dt>Commands of the bot</dt><dd><kbd>/</kbd></dd></div><div><dt>Leave the field</dt><dd><kbd>Esc</kbd></dd></div>
    </dl></section></div>
  </${Dialog}>`);
}

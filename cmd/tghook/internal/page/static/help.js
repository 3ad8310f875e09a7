// The help: all keys.
import {html} from './vendor/preact.js';
import {Dialog, show} from './dialog.js';
import {list, shown} from './commands.js';

const chatField = [['Send', 'Enter'], ['New line', 'Shift', 'Enter'], ['Edit your last message', '↑'], ['Commands of the bot', '/'], ['Leave the field', 'Esc']];

/** `inField` are the keys in a field, [title, key, …] each. */
export function openHelp(inField = chatField) {
  const groups = new Map();
  for (const c of list()) if (c.keys) groups.set(c.group ?? 'Page', [...(groups.get(c.group ?? 'Page') ?? []), c]);
  return show(close => html`<${Dialog} title="Keys" wide=${true} className="help" onClose=${() => close()}>
    <div class="key-groups">${[...groups].map(([name, commands]) => html`<section key=${name}><h3>${name}</h3><dl>${commands.map(c => html`<div key=${c.id}><dt>${c.title}</dt><dd>${c.keys.split(' ').map((keys, i) => html`${i > 0 && ' or '}${shown(keys).map(k => html`<kbd>${k}</kbd>`)}`)}</dd></div>`)}</dl></section>`)}
    <section><h3>In the field</h3><dl>${inField.map(([title, ...keys]) => html`<div key=${title}><dt>${title}</dt><dd>${keys.map(key => html`<kbd>${key}</kbd>`)}</dd></div>`)}
    </dl></section></div>
  </${Dialog}>`);
}

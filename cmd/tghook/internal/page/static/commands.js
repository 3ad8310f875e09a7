// What can be done by key. Each command is listed in the help.

const commands = new Map();

/** Adds a command: {id, title, keys, group, run, when?, inFields?}. Returns what removes it. */
export function register(command) {
  commands.set(command.id, command);
  return () => { if (commands.get(command.id) === command) commands.delete(command.id); };
}

export function list() { return [...commands.values()]; }

const mac = /Mac|iPhone|iPad/.test(navigator.platform);

/** The keys of a command as a person reads them. */
export function shown(keys) {
  return keys.split('+').map(key => ({
    mod: mac ? '⌘' : 'Ctrl', alt: mac ? '⌥' : 'Alt', shift: 'Shift', up: '↑', down: '↓', escape: 'Esc', enter: 'Enter',
  })[key] ?? key.toUpperCase());
}

function pressed(e) {
  const parts = [];
  if (mac ? e.metaKey : e.ctrlKey) parts.push('mod');
  if (e.altKey) parts.push('alt');
  let key = e.key.toLowerCase();
  if (e.altKey && /^Digit\d$/.test(e.code)) key = e.code.slice(5);
  if (key === 'arrowup') key = 'up';
  if (key === 'arrowdown') key = 'down';
  return [...parts, key].join('+');
}

function isField(element) {
  return element instanceof HTMLElement && (element.isContentEditable || /^(input|textarea|select)$/i.test(element.tagName));
}

/** Starts to listen to the keys of the page. */
export function listen() {
  document.addEventListener('keydown', e => {
    if (e.defaultPrevented || e.isComposing || document.querySelector('dialog[open]')) return;
    const keys = pressed(e);
    const plain = !keys.includes('+');
    for (const command of [...commands.values()].reverse()) {
      if (!command.keys?.split(' ').includes(keys)) continue;
      if (plain && keys !== 'escape' && isField(e.target)) continue;
      if (command.when && !command.when()) continue;
      e.preventDefault();
      command.run(e);
      return;
    }
  });
}

// The part of the address behind '#': which bot, chat, message and row are shown, or which tab, copy and dead letter of a bot.

export const empty = {bot: null, chat: null, tab: null, copy: null, letter: null, message: null, row: null};

const named = ['bot', 'tab', 'copy', 'letter', 'message', 'row'];

/** Reads `#/row/12`, `#/1/2`, `#/1/2/message/3`, `#/1/2/row/12` or `#/shop/tab/dead/letter/3`. */
export function parse(hash) {
  const parts = hash.replace(/^#?\/?/, '').split('/').filter(Boolean).map(decode);
  const route = {...empty};
  const names = [];
  for (let i = 0; i < parts.length; i++) {
    if (named.includes(parts[i]) && i + 1 < parts.length) route[parts[i]] = parts[++i];
    else names.push(parts[i]);
  }
  route.bot ??= names.shift() ?? null;
  route.chat = names[0] ?? null;
  return route;
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function format(route) {
  const parts = [];
  if (route.bot !== null) parts.push(...(named.includes(route.bot) ? ['bot', route.bot] : [route.bot]));
  if (route.bot !== null && route.chat !== null) parts.push(route.chat);
  for (const name of named.slice(1)) if (route[name] !== null) parts.push(name, route[name]);
  return '#/' + parts.map(encodeURIComponent).join('/');
}

/** Goes to another place. What is not named stays, but another chat forgets the message. */
export function go(change) {
  const now = parse(location.hash);
  const next = {...now, ...strings(change)};
  if (!('message' in change)) next.message = null;
  if (format(next) !== format(now)) location.hash = format(next);
}

/** The whole address of a place, for the clipboard. */
export function link(place) {
  return location.origin + '/' + format({...empty, ...strings(place)});
}

function strings(place) {
  const out = {};
  for (const [key, value] of Object.entries(place)) out[key] = value === null || value === undefined ? null : String(value);
  return out;
}

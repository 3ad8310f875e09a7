// The part of the address behind '#': which bot, chat, message and row are shown.

export const empty = {bot: null, chat: null, message: null, row: null};

/** Reads `#/row/12`, `#/1/2`, `#/1/2/message/3` or `#/1/2/row/12`. */
export function parse(hash) {
  const parts = hash.replace(/^#?\/?/, '').split('/').filter(Boolean).map(decode);
  const route = {...empty};
  const names = [];
  for (let i = 0; i < parts.length; i++) {
    if ((parts[i] === 'row' || parts[i] === 'message') && i + 1 < parts.length) route[parts[i]] = parts[++i];
    else names.push(parts[i]);
  }
  [route.bot, route.chat] = [names[0] ?? null, names[1] ?? null];
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
  if (route.bot !== null) parts.push(route.bot);
  if (route.bot !== null && route.chat !== null) parts.push(route.chat);
  if (route.message !== null) parts.push('message', route.message);
  if (route.row !== null) parts.push('row', route.row);
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

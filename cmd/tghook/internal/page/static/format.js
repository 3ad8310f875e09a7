// Times, sizes, sums and names as people read them.

const clock = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', hour12: false});
const weekday = new Intl.DateTimeFormat('en', {weekday: 'short'});
const dayMonth = new Intl.DateTimeFormat('en', {day: 'numeric', month: 'short'});
const dayLong = new Intl.DateTimeFormat('en', {day: 'numeric', month: 'long'});
const dayYear = new Intl.DateTimeFormat('en', {day: 'numeric', month: 'long', year: 'numeric'});
const full = new Intl.DateTimeFormat('en', {dateStyle: 'long', timeStyle: 'medium', hour12: false});

export function timeOf(unix) { return clock.format(unix * 1000); }
export function fullTime(unix) { return full.format(unix * 1000); }

function dayNumber(date) { return Math.floor((date.getTime() - date.getTimezoneOffset() * 60000) / 86400000); }

/** The day of a message: a number that grows by one each day, in the reader's zone. */
export function dayOf(unix) { return dayNumber(new Date(unix * 1000)); }

export function dayTitle(unix, now = Date.now()) {
  const date = new Date(unix * 1000);
  const age = dayNumber(new Date(now)) - dayNumber(date);
  if (age === 0) return 'Today';
  if (age === 1) return 'Yesterday';
  return (date.getFullYear() === new Date(now).getFullYear() ? dayLong : dayYear).format(date);
}

/** The time in the list of chats: a clock today, a weekday this week, else a day. */
export function shortTime(unix, now = Date.now()) {
  const date = new Date(unix * 1000);
  const age = dayNumber(new Date(now)) - dayNumber(date);
  if (age <= 0) return clock.format(date);
  return (age < 7 ? weekday : dayMonth).format(date);
}

export function sizeOf(bytes) {
  if (bytes === undefined || bytes === null) return '';
  if (bytes < 1000) return `${bytes} B`;
  const units = ['KB', 'MB', 'GB'];
  let n = bytes, i = -1;
  while (n >= 1000 && i < units.length - 1) { n /= 1000; i++; }
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export function length(seconds) {
  const s = Math.max(0, Math.round(seconds || 0));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}

/** A sum in the smallest units of its currency. */
export function money(amount, currency) {
  if (currency === 'XTR') return `⭐ ${amount}`;
  try {
    const f = new Intl.NumberFormat('en', {style: 'currency', currency});
    return f.format(amount / 10 ** f.resolvedOptions().maximumFractionDigits);
  } catch {
    return `${amount} ${currency}`;
  }
}

export function count(n, one, many = one + 's') { return `${n} ${n === 1 ? one : many}`; }

export function userName(user) {
  if (!user) return '';
  return user.name || [user.first_name, user.last_name].filter(Boolean).join(' ') || user.title || (user.username ? '@' + user.username : String(user.id ?? ''));
}

export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = word => [...word.replace(/^[^\p{L}\p{N}\p{Extended_Pictographic}]+/u, '')][0] ?? '';
  return ((first(words[0] ?? '') || '?') + (words.length > 1 ? first(words[words.length - 1]) : '')).toUpperCase();
}

/** One of eight colours, always the same for an id. */
export function hue(id) {
  let sum = 0;
  for (const c of String(id)) sum = (sum * 31 + c.charCodeAt(0)) >>> 0;
  return sum % 8;
}

export function kindOf(name) { return name.replaceAll('_', ' '); }

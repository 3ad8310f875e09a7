// Times of the inspector, as people read them.

const clock = new Intl.DateTimeFormat('en', {hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23'});

const day = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short'});

/** 14:03:05.120, or 29 Nov 14:03:05.120 if it is not of today */
export function exactTime(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  return (date.toDateString() === new Date().toDateString() ? '' : day.format(date) + ' ') + clock.format(date);
}

/** 12 ms, 1.5 s, 3 min, 2 h */
export function took(ms) {
  if (ms === undefined || ms === null) return '';
  if (ms < 1) return '<1 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
  if (ms < 3600000) return `${Math.round(ms / 60000)} min`;
  return `${(ms / 3600000).toFixed(ms < 36000000 ? 1 : 0)} h`;
}

// Photos, videos, sounds, files, and what stands in for stickers and places.
import {html, useState, useRef, useEffect} from './vendor/preact.js';
import {usePlace} from './place.js';
import {filePath} from './api.js';
import {Icon} from './icons.js';
import {Dialog, show} from './dialog.js';
import {Avatar} from './avatar.js';
import {copyText} from './clipboard.js';
import {length, sizeOf, userName, money, hue} from './format.js';

/** The part of a message that is not text; null if it is text alone. */
export function Media({message: m}) {
  if (m.photo) return html`<${Photo} photo=${m.photo} spoiler=${m.has_media_spoiler} />`;
  if (m.video) return html`<${Video} video=${m.video} spoiler=${m.has_media_spoiler} />`;
  if (m.animation) return html`<${Video} video=${m.animation} loop=${true} spoiler=${m.has_media_spoiler} />`;
  if (m.video_note) return html`<${Round} note=${m.video_note} />`;
  if (m.voice) return html`<${Voice} voice=${m.voice} />`;
  if (m.audio) return html`<${Voice} voice=${m.audio} title=${m.audio.title ?? m.audio.file_name ?? 'Audio'} by=${m.audio.performer} />`;
  if (m.sticker) return html`<${Sticker} sticker=${m.sticker} />`;
  if (m.document) return html`<${Document} document=${m.document} />`;
  if (m.venue) return html`<${Location} location=${m.venue.location} title=${m.venue.title} address=${m.venue.address} />`;
  if (m.location) return html`<${Location} location=${m.location} />`;
  if (m.contact) return html`<${Contact} contact=${m.contact} />`;
  if (m.dice) return html`<${Dice} dice=${m.dice} />`;
  if (m.game) return html`<${Game} game=${m.game} />`;
  if (m.paid_media) return html`<${PaidMedia} message=${m} />`;
  if (m.checklist) return html`<${Checklist} list=${m.checklist} />`;
  return null;
}

function inline(bot, file) { return `${filePath(bot, file)}?inline=1`; }

/** The size in which a picture is drawn: at most 340 by 400, and large enough to press. */
function box(width, height) {
  const w = width || 320, h = height || 240;
  const scale = Math.min(340 / w, 400 / h, Math.max(1, 160 / w));
  return {width: Math.max(Math.round(w * scale), 96), height: Math.max(Math.round(h * scale), 72)};
}

function fitted(size) { return {width: `${size.width}px`, aspectRatio: `${size.width} / ${size.height}`}; }

function Hidden({spoiler, children, label}) {
  const [seen, see] = useState(!spoiler);
  if (seen) return children;
  return html`<div class="media-hidden">${children}<button type="button" onClick=${() => see(true)} aria-label=${`Hidden ${label}: press to show`}><${Icon} name="eye" size=${28} /></button></div>`;
}

/** Lets a file be dragged out of the page, to a folder or to another program. */
function dragOut(url, name, type) {
  return e => {
    const full = new URL(url, location.href).href;
    e.dataTransfer.setData('DownloadURL', `${type || 'application/octet-stream'}:${name}:${full}`);
    e.dataTransfer.setData('text/uri-list', full);
    e.dataTransfer.setData('application/x-tghook', '1');
  };
}

export function Photo({photo, spoiler, cell = false}) {
  const {bot} = usePlace();
  const best = photo[photo.length - 1];
  const [broken, fail] = useState(false);
  const url = inline(bot.id, best.file_id);
  const size = box(best.width, best.height);
  if (broken) return html`<div class="media-broken" style=${cell ? {} : fitted(size)}><${Icon} name="image" size=${32} /><span>Photo ${best.width}×${best.height}</span></div>`;
  return html`<${Hidden} spoiler=${spoiler} label="photo">
    <button type="button" class="photo" style=${cell ? {} : fitted(size)} aria-label="Open the photo" onClick=${() => openPhoto(url, best)}>
      <img src=${url} alt="" loading="lazy" draggable=${true} onDragStart=${dragOut(filePath(bot.id, best.file_id), 'photo.jpg', 'image/jpeg')} onError=${() => fail(true)} />
    </button></${Hidden}>`;
}

function openPhoto(url, size) {
  show(close => html`<${Dialog} title=${`Photo ${size.width}×${size.height}${size.file_size ? ', ' + sizeOf(size.file_size) : ''}`} wide=${true} className="lightbox" onClose=${() => close()}>
    <img src=${url} alt=${`Photo, ${size.width} by ${size.height}`} />
    <div class="dialog-foot"><a class="button" href=${url.replace('?inline=1', '')} download="photo.jpg">Save</a></div>
  </${Dialog}>`);
}

export function Video({video, spoiler, loop = false, cell = false}) {
  const {bot} = usePlace();
  const [broken, fail] = useState(false);
  const size = box(video.width, video.height);
  const url = inline(bot.id, video.file_id);
  if (loop && /gif$/.test(video.mime_type ?? '') && !broken) {
    return html`<${Hidden} spoiler=${spoiler} label="animation"><img class="animation" style=${fitted(size)} src=${url} alt="Animation" onError=${() => fail(true)} /></${Hidden}>`;
  }
  if (broken) {
    return html`<a class="media-broken" style=${cell ? {} : fitted(size)} href=${filePath(bot.id, video.file_id)} download=${video.file_name ?? 'video'}>
      <${Icon} name="play" size=${36} /><span>${loop ? 'GIF' : 'Video'} ${length(video.duration)}${video.file_size ? ', ' + sizeOf(video.file_size) : ''}</span></a>`;
  }
  return html`<${Hidden} spoiler=${spoiler} label="video"><video class="video" style=${cell ? {} : fitted(size)} src=${url} controls=${!loop} loop=${loop} autoplay=${loop} muted=${loop}
    playsinline preload="metadata" aria-label=${`Video, ${length(video.duration)}`} onError=${() => fail(true)} /></${Hidden}>`;
}

function Round({note}) {
  const {bot} = usePlace();
  const [broken, fail] = useState(false);
  if (broken) return html`<a class="round broken" href=${filePath(bot.id, note.file_id)} download="video-note"><${Icon} name="play" size=${40} /><span>${length(note.duration)}</span></a>`;
  return html`<video class="round" src=${inline(bot.id, note.file_id)} controls playsinline preload="metadata" aria-label=${`Video message, ${length(note.duration)}`} onError=${() => fail(true)} />`;
}

/** A voice message or a song: a button, bars, and the time. The bars are made of the file's id, since nobody decodes the sound. */
function Voice({voice, title, by}) {
  const {bot} = usePlace();
  const audio = useRef();
  const [state, set] = useState({playing: false, at: 0, broken: false});
  const total = voice.duration || 0;
  useEffect(() => () => audio.current?.pause(), []);
  const toggle = () => {
    if (state.broken) return;
    const a = audio.current;
    if (a.paused) a.play().catch(() => set(s => ({...s, broken: true, playing: false})));
    else a.pause();
  };
  const part = total ? state.at / total : 0;
  return html`<div class="voice">
    <button type="button" class="play" aria-label=${state.playing ? 'Pause' : 'Play'} disabled=${state.broken} title=${state.broken ? 'The browser cannot play this file' : undefined} onClick=${toggle}>
      <${Icon} name=${title ? (state.playing ? 'pause' : 'music') : state.playing ? 'pause' : 'play'} size=${22} /></button>
    <div class="voice-body">
      ${title ? html`<b class="ellipsis">${title}</b><span class="muted ellipsis">${by ?? sizeOf(voice.file_size)}</span>` : html`<${Bars} id=${voice.file_unique_id ?? voice.file_id} part=${part} />`}
      <span class="muted tabular">${state.playing || state.at ? `${length(state.at)} / ` : ''}${length(total)}</span>
    </div>
    <a class="icon-button" href=${filePath(bot.id, voice.file_id)} download=${voice.file_name ?? 'voice.ogg'} aria-label="Save the file" title="Save"><${Icon} name="download" size=${18} /></a>
    <audio ref=${audio} src=${inline(bot.id, voice.file_id)} preload="none" onPlay=${() => set(s => ({...s, playing: true}))} onPause=${() => set(s => ({...s, playing: false}))}
      onTimeUpdate=${e => { const at = e.target.currentTime; set(s => ({...s, at})); }} onEnded=${() => set(s => ({...s, playing: false, at: 0}))} onError=${() => set(s => ({...s, broken: true}))} />
  </div>`;
}

function Bars({id, part}) {
  let seed = [...String(id)].reduce((n, c) => (n * 33 + c.charCodeAt(0)) >>> 0, 7);
  const bars = Array.from({length: 34}, () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return 3 + (seed >>> 28) + ((seed >>> 20) & 3);
  });
  return html`<svg class="bars" viewBox="0 0 170 22" width="170" height="22" aria-hidden="true">
    ${bars.map((h, i) => html`<rect class=${i / bars.length < part ? 'on' : ''} x=${i * 5} y=${(22 - h) / 2} width="3" height=${h} rx="1.5" />`)}</svg>`;
}

function Sticker({sticker}) {
  return html`<div class="sticker" role="img" aria-label=${`Sticker ${sticker.emoji ?? ''}`} title=${sticker.set_name ? `Sticker of the set ${sticker.set_name}` : 'Sticker'}>
    <span>${sticker.emoji ?? '🏷'}</span>${sticker.set_name && html`<small>${sticker.set_name}</small>`}</div>`;
}

export function Document({document: d}) {
  const {bot} = usePlace();
  const name = d.file_name ?? 'File';
  const ending = /\.([\p{L}\p{N}]{1,5})$/u.exec(name)?.[1] ?? 'file';
  return html`<a class="document" href=${filePath(bot.id, d.file_id)} download=${name} draggable=${true} onDragStart=${dragOut(filePath(bot.id, d.file_id), name, d.mime_type)} aria-label=${`Save the file ${name}, ${sizeOf(d.file_size)}`}>
    <span class=${`document-icon hue-${hue(ending)}`} aria-hidden="true">${ending.toUpperCase()}</span>
    <span class="document-text"><b>${name}</b><span class="muted">${[sizeOf(d.file_size), d.mime_type].filter(Boolean).join(' · ')}</span></span>
    <${Icon} name="download" size=${18} />
  </a>`;
}

function Location({location: l, title, address}) {
  const text = `${l.latitude.toFixed(5)}, ${l.longitude.toFixed(5)}`;
  return html`<div class="card location">
    <div class="map" aria-hidden="true"><svg viewBox="0 0 280 110" preserveAspectRatio="xMidYMid slice"><path d="M-10 80 Q60 40 120 70 T300 40M40 -10 Q70 60 50 130M180 -10 Q170 50 220 130M-10 30 Q100 20 300 95" /></svg><${Icon} name="location" size=${34} /></div>
    <div class="card-body"><b>${title ?? (l.live_period ? 'Live location' : 'Location')}</b>${address && html`<span>${address}</span>`}
      <button type="button" class="text-link tabular" title="Copy the coordinates" onClick=${() => copyText(text)}>${text}</button>
      ${l.horizontal_accuracy ? html`<span class="muted">within ${Math.round(l.horizontal_accuracy)} m</span>` : null}</div>
  </div>`;
}

function Contact({contact: c}) {
  const name = userName(c);
  return html`<div class="card contact"><${Avatar} id=${c.user_id ?? c.phone_number} name=${name} />
    <div class="card-body"><b>${name}</b><button type="button" class="text-link tabular" title="Copy the number" onClick=${() => copyText(c.phone_number)}>${c.phone_number}</button></div></div>`;
}

// Where the pips of a die are: each digit is a place in a square of three by three.
const pips = ['', '4', '08', '048', '0268', '02468', '023568'];

function Dice({dice}) {
  const die = dice.emoji === '🎲' && pips[dice.value];
  return html`<div class="dice" role="img" aria-label=${`${dice.emoji} shows ${dice.value}`}>
    ${die ? html`<svg class="die" viewBox="0 0 60 60" width="92" height="92"><rect width="60" height="60" rx="14" />${[...die].map(at => html`<circle cx=${15 + at % 3 * 15} cy=${15 + Math.floor(at / 3) * 15} r="5.2" />`)}</svg>` : html`<span>${dice.emoji}</span>`}
    <small>${dice.value}</small></div>`;
}

function Game({game}) {
  return html`<div class="card"><div class="card-body"><span class="muted">Game</span><b>${game.title}</b><span>${game.description}</span></div></div>`;
}

function Checklist({list}) {
  return html`<div class="card checklist"><div class="card-body"><b>${list.title}</b>
    <ul>${list.tasks.map(t => html`<li key=${t.id}><span aria-hidden="true">${t.completion_date ? '☑' : '☐'}</span> ${t.text}${t.completion_date ? html`<span class="visually-hidden"> (done)</span>` : null}</li>`)}</ul></div></div>`;
}

function PaidMedia({message: m}) {
  const {api, as, chatUrl} = usePlace();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const all = m.paid_media.paid_media;
  const hidden = all.some(item => item.type === 'preview');
  const buy = async () => {
    setBusy(true);
    setError('');
    try {
      await api.post(`${chatUrl}/messages/${m.message_id}/buy`, {as});
    } catch (err) {
      setError(err.message);
    }
    setBusy(false);
  };
  return html`<div class="paid">
    ${all.map((item, i) => item.photo ? html`<${Photo} key=${i} photo=${item.photo} />` : item.video ? html`<${Video} key=${i} video=${item.video} />`
      : html`<div key=${i} class="paid-preview"><${Icon} name="lock" size=${34} /></div>`)}
    ${hidden ? html`<button type="button" class="button primary" disabled=${busy} onClick=${buy}>Unlock for ${money(m.paid_media.star_count, 'XTR')}</button>` : html`<span class="muted">Paid: ${money(m.paid_media.star_count, 'XTR')}</span>`}
    ${error && html`<p class="error-text">${error}</p>`}
  </div>`;
}

/** Photos and videos that were sent as one album, as a grid. */
export function Album({messages}) {
  const shown = messages.filter(m => !m.x?.deleted);
  if (!shown.some(m => m.photo || m.video)) return html`<div class="album-list">${shown.map(m => html`<${Media} key=${m.message_id} message=${m} />`)}</div>`;
  return html`<div class=${`album of-${Math.min(shown.length, 10)}`}>${shown.map(m => html`<div class="album-cell" key=${m.message_id}>
    ${m.photo ? html`<${Photo} photo=${m.photo} spoiler=${m.has_media_spoiler} cell=${true} />` : m.video ? html`<${Video} video=${m.video} spoiler=${m.has_media_spoiler} cell=${true} />` : html`<${Media} message=${m} />`}</div>`)}</div>`;
}

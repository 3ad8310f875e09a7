// Files about to be sent: a preview, a caption, and the kind of message.
import {html, useState, useEffect, useMemo} from './vendor/preact.js';
import {Dialog, show} from './dialog.js';
import {Icon} from './icons.js';
import {sizeOf} from './format.js';
import {toast} from './toast.js';

const MOST = 10; // files in one album

/** What a file is sent as unless the user says otherwise. */
export function kindOfFile(file) {
  if (file.type === 'image/gif') return 'animation';
  if (/^image\/(jpeg|png|webp|bmp)$/.test(file.type)) return 'photo';
  if (file.type.startsWith('video/')) return 'video';
  if (/ogg|opus/.test(file.type)) return 'voice';
  if (file.type.startsWith('audio/')) return 'audio';
  return 'document';
}

const titles = {photo: 'Photo', video: 'Video', animation: 'GIF', audio: 'Music', voice: 'Voice message', video_note: 'Video message', sticker: 'Sticker', document: 'File', album: 'Album'};

function choices(files) {
  const kinds = new Set(files.map(kindOfFile));
  const visual = [...kinds].every(k => k === 'photo' || k === 'video');
  if (files.length > 1) return visual ? ['album', 'document'] : ['document'];
  const [own] = kinds;
  const others = {photo: ['sticker'], video: ['video_note', 'animation'], audio: ['voice'], voice: ['audio'], animation: [], document: []}[own];
  return own === 'document' ? ['document'] : [own, ...others, 'document'];
}

/** Shows the files, and sends them if the user says so. */
export function attachments(place, draft, files) {
  if (!files.length) return;
  if (files.length > MOST) toast(`Telegram takes ${MOST} files in one album: the first ${MOST} are kept.`, {error: true});
  show(close => html`<${Attach} place=${place} draft=${draft} files=${files.slice(0, MOST)} close=${close} />`);
}

function Attach({place, draft, files, close}) {
  const ways = choices(files);
  const [kind, setKind] = useState(ways[0]);
  const [written] = useState(draft.state.text);
  const [caption, setCaption] = useState(written);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const urls = useMemo(() => files.map(f => f.type.startsWith('image/') ? URL.createObjectURL(f) : null), [files]);
  useEffect(() => () => urls.forEach(u => u && URL.revokeObjectURL(u)), []);

  const submit = async e => {
    e.preventDefault();
    setBusy(true);
    try {
      const {reply} = draft.state;
      const fields = {kind, caption, reply_to: reply?.message_id};
      if (kind === 'document') for (const file of files) await place.sendFiles(file === files[0] ? fields : {kind}, [file]);
      else await place.sendFiles(fields, files);
      draft.sent(written, reply);
      close();
    } catch (err) {
      setError(err.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${files.length > 1 ? `Send ${files.length} files` : 'Send a file'} className="attach" onClose=${() => close()}><form onSubmit=${submit}>
    <div class=${'attach-list' + (files.length === 1 ? ' single' : '')}>${files.map((f, i) => urls[i] && kind !== 'document'
      ? html`<img key=${i} src=${urls[i]} alt=${f.name} />`
      : html`<div key=${i} class="attach-file"><${Icon} name="file" size=${26} /><span class="ellipsis">${f.name}</span><span class="muted">${sizeOf(f.size)}</span></div>`)}</div>
    ${ways.length > 1 && html`<div class="chips" role="group" aria-label="Send as">${ways.map(w => html`<button type="button" key=${w} class="chip" aria-pressed=${w === kind} onClick=${() => setKind(w)}>${titles[w]}</button>`)}</div>`}
    ${!['sticker', 'video_note'].includes(kind) && html`<label class="label">Caption<textarea class="field" rows="2" maxlength="1024" value=${caption} onInput=${e => setCaption(e.target.value)}></textarea></label>`}
    ${error && html`<p class="error-text" role="alert">${error}</p>`}
    <div class="dialog-foot"><button type="button" class="button" onClick=${() => close()}>Cancel</button><button class="button primary" disabled=${busy}>${busy && html`<span class="spinner"></span>`} Send</button></div>
  </form></${Dialog}>`;
}

// A dialogue that replays an update, as it was or edited.
import {html, useState} from './vendor/preact.js';
import {Dialog} from './dialog.js';
import {Editor} from './inspector-editor.js';
import {toast} from './toast.js';

/** `send` gets the body of the request. Then `done` is shown, and `onDone` called. */
export function Edit({title, hint, text, send, done, onDone, onClose}) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const replay = async edited => {
    setBusy(true);
    setFailure('');
    try {
      await send(edited === null ? {} : `{"update":${edited}}`);
      toast(done);
      onClose();
      onDone?.();
    } catch (err) {
      setFailure(err.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} wide className="inspector-replay" onClose=${onClose}>
    <p class="inspector-hint">${hint}</p>
    <${Editor} original=${text} busy=${busy && 'Replaying …'} onSend=${replay} />
    ${failure && html`<p class="inspector-verdict failed" role="alert">${failure}</p>`}
  </${Dialog}>`;
}

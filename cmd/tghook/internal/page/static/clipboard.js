// Text to the clipboard, and bytes to a file.
import {toast} from './toast.js';

export async function copyText(text, note = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
    toast(note);
  } catch {
    toast('The browser did not let the page write to the clipboard.', {error: true});
  }
}

/** Saves text or a Blob under a name. */
export function saveFile(name, content, type = 'application/octet-stream') {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], {type}));
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

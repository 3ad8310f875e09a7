// A circle with initials, in a colour of its own for each id.
import {html} from './vendor/preact.js';
import {hue, initials} from './format.js';
import {Icon} from './icons.js';

const icons = {channel: 'megaphone', forum: 'hash'};

export function Avatar({id, name, size = '', icon}) {
  return html`<span class=${`avatar hue-${hue(id)} ${size}`} aria-hidden="true">${icon && icons[icon]
    ? html`<${Icon} name=${icons[icon]} size=${size === 'small' ? 16 : 22} />` : initials(name || '')}</span>`;
}

// A menu that opens at a button or at the pointer.
import {html, useEffect, useLayoutEffect, useRef} from './vendor/preact.js';
import {Store, useStore} from './store.js';
import {Icon} from './icons.js';

const open = new Store({menu: null});

/** Opens a menu. items: [{text, icon, run, danger, hint} or null for a line]; head: what stands above them. */
export function openMenu({items, anchor, point, head, label}) {
  open.set({menu: {items: items.filter(item => item !== false), anchor, point, head, label}});
}

export function closeMenu() { open.set({menu: null}); }

export function Menus() {
  const menu = useStore(open, s => s.menu);
  return menu && html`<${Menu} key=${menu} ...${menu} />`;
}

function Menu({items, anchor, point, head, label}) {
  const ref = useRef();
  const done = f => {
    closeMenu();
    f?.();
  };
  useLayoutEffect(() => {
    const at = anchor?.getBoundingClientRect();
    const box = ref.current.getBoundingClientRect();
    const x = point ? point.x : at.right - box.width, y = point ? point.y : at.bottom + 4;
    const fits = y + box.height <= innerHeight - 8;
    ref.current.style.left = `${Math.max(8, Math.min(x < 8 ? at?.left ?? 8 : x, innerWidth - box.width - 8))}px`;
    ref.current.style.top = `${Math.max(8, fits ? y : (point ? y : at.top - 4) - box.height)}px`;
    ref.current.querySelector('button')?.focus();
  }, []);
  useEffect(() => {
    const away = e => { if (!ref.current?.contains(e.target)) closeMenu(); };
    document.addEventListener('pointerdown', away, true);
    addEventListener('resize', closeMenu);
    return () => {
      document.removeEventListener('pointerdown', away, true);
      removeEventListener('resize', closeMenu);
      if (anchor?.isConnected && (document.activeElement === document.body || document.activeElement === null)) anchor.focus();
    };
  }, []);
  const keys = e => {
    const buttons = [...ref.current.querySelectorAll('button')];
    const i = buttons.indexOf(document.activeElement);
    const to = {ArrowDown: i + 1, ArrowUp: i - 1, ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: buttons.length - 1}[e.key];
    if (e.key === 'Escape' || e.key === 'Tab') {
      e.preventDefault();
      e.stopPropagation();
      closeMenu();
      anchor?.focus?.();
    } else if (to !== undefined) {
      e.preventDefault();
      e.stopPropagation();
      buttons[(to + buttons.length) % buttons.length].focus();
    }
  };
  return html`<div class="menu popup" role="menu" aria-label=${label} ref=${ref} onKeyDown=${keys}>
    ${head?.(done)}
    ${items.map((item, i) => item === null ? html`<hr key=${i} />` : html`<button type="button" role=${item.checked === undefined ? 'menuitem' : 'menuitemradio'} aria-checked=${item.checked === undefined ? undefined : String(item.checked)} key=${i} tabindex="-1" class=${'menu-item' + (item.danger ? ' danger' : '')} onClick=${() => done(item.run)}>
      ${item.icon && html`<${Icon} name=${item.icon} size=${18} />`}${item.picture}<span class="menu-text">${item.text}</span>${item.hint && html`<kbd>${item.hint}</kbd>`}${item.checked && html`<${Icon} name="check" size=${16} />`}</button>`)}
  </div>`;
}

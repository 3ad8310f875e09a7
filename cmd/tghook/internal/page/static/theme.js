// Dark or light: as the system says, until the reader chooses.
import {keep, kept} from './store.js';

const system = window.matchMedia('(prefers-color-scheme: dark)');

export function theme() { return kept('localStorage', 'tghook.theme', null) ?? (system.matches ? 'dark' : 'light'); }

export function applyTheme() { document.documentElement.dataset.theme = theme(); }

export function switchTheme() {
  const next = theme() === 'dark' ? 'light' : 'dark';
  keep('localStorage', 'tghook.theme', next === (system.matches ? 'dark' : 'light') ? null : next);
  applyTheme();
}

system.addEventListener('change', applyTheme);

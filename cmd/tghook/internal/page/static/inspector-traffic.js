// The traffic of a bot: the list of rows, and the row that is open.
import {html, useEffect, useMemo} from './vendor/preact.js';
import {Rows, everything} from './inspector-rows.js';
import {List} from './inspector-list.js';
import {Detail} from './inspector-row.js';

/**
 * `bot` is the id of the bot, and `path` its part of the API. Give it another key for another bot or filter. `empty` says what to
 * do when there are no rows yet, and `detail` has what Detail wants to know besides.
 */
export function Traffic({api, bot, path, filter, rowId, empty, onAll, detail}) {
  const rows = useMemo(() => new Rows(api, bot, path, filter), []);
  useEffect(() => () => rows.close(), []);
  const filtered = JSON.stringify(filter) !== JSON.stringify(everything);
  return html`<div class=${'inspector-main' + (rowId ? ' open' : '')}>
    <${List} rows=${rows} selected=${rowId} filtered=${filtered} empty=${empty} onAll=${onAll} />
    ${rowId && html`<${Detail} key=${rowId} id=${rowId} api=${api} rows=${rows} ...${detail} />`}
  </div>`;
}

/** Of a page of the site: what is found while somebody types. The index is loaded when the field is first entered. */
import MiniSearch from 'minisearch';
import { searchOptions } from '../search-options.ts';

const most = 12;
const field = document.getElementById('search');
const list = document.getElementById('found');
let index;

function load() {
  index ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = `${field.dataset.root}search-index.js`;
    script.onload = () => resolve(MiniSearch.loadJSON(globalThis.searchIndex, searchOptions));
    script.onerror = reject;
    document.head.append(script);
  });
  return index;
}

async function show() {
  const asked = field.value.trim();
  const found = asked === '' ? [] : (await load()).search(asked).slice(0, most);
  if (asked !== field.value.trim()) return; // more was typed meanwhile
  list.replaceChildren(
    ...found.map(({ url, title, heading }) => {
      const link = document.createElement('a');
      link.href = field.dataset.root + url;
      link.textContent = heading === title ? title : `${title}: ${heading}`;
      const item = document.createElement('li');
      item.append(link);
      return item;
    }),
  );
  if (asked !== '' && found.length === 0) list.append('Nothing has these words.');
  list.hidden = asked === '';
}

field.addEventListener('focus', load);
field.addEventListener('input', show);
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== field) {
    event.preventDefault();
    field.focus();
  } else if (event.key === 'Escape') {
    list.hidden = true;
  } else if (event.key === 'Enter' && document.activeElement === field) {
    list.querySelector('a')?.click();
  }
});

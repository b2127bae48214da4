import { posix } from 'node:path';
import markdownIt, { type Token } from 'markdown-it';
import { headingId } from './links.ts';

/** A page of the site. */
export interface Page {
  /** Of the markdown, from the root of the checkout: `docs/guides/canary.md`. */
  readonly source: string;
  /** Where it stands in the site: `guides/canary.html`. */
  readonly path: string;
  readonly title: string;
  readonly html: string;
  readonly sections: readonly Section[];
}

/** What stands below one heading: what a search finds. */
export interface Section {
  /** `guides/canary.html#take-it-back` */
  readonly url: string;
  /** Of the page. */
  readonly title: string;
  readonly heading: string;
  readonly text: string;
}

/** Where a page or picture of the checkout stands in the site; undefined for what is no part of it. */
export function sitePath(source: string): string | undefined {
  if (source === 'docs/README.md') return 'index.html';
  if (/^docs\/.*\.(svg|png|yaml)$/.test(source)) return source.slice('docs/'.length);
  if (/^docs\/.*\.md$/.test(source)) return source.slice('docs/'.length).replace(/\.md$/, '.html');
  // Those in the root have names in capitals, as is the custom.
  return /^[A-Z]+\.md$/.test(source) ? source.toLowerCase().replace(/\.md$/, '.html') : undefined;
}

const markdown = markdownIt({ html: true });
markdown.renderer.rules['table_open'] = () => '<div class="table"><table>\n';
markdown.renderer.rules['table_close'] = () => '</table></div>\n';

/** Renders a page, whose `source` must have a place in the site. */
export function renderMarkdown(source: string, text: string): Page {
  const path = sitePath(source);
  if (path === undefined) throw new Error(`${source} has no place in the site`);
  const tokens = markdown.parse(text, {});
  const sections: { id: string; heading: string; text: string[] }[] = [];
  const ids = new Set<string>();
  for (const [i, token] of tokens.entries()) {
    if (token.type === 'heading_open') {
      const inline = tokens[i + 1];
      const id = headingId(inline, ids);
      ids.add(id);
      token.attrSet('id', id);
      sections.push({ id, heading: textOf(inline), text: [] });
      inline.children = [...(inline.children ?? []), ...anchorTo(id)];
    } else if (tokens[i - 1]?.type !== 'heading_open') {
      sections.at(-1)?.text.push(token.type === 'inline' ? textOf(token) : token.content);
    }
    for (const child of token.children ?? []) leadThere(child, source, path);
  }
  const title = sections[0]?.heading ?? source;
  return {
    ...{ source, path, title },
    html: markdown.renderer.render(tokens, markdown.options, {}),
    sections: sections.map(({ id, heading, text: parts }) => ({
      ...{ url: `${path}#${id}`, title, heading },
      text: parts.filter((part) => part !== '').join(' '),
    })),
  };
}

/** A link to the heading itself, to be copied. */
function anchorTo(id: string): Token[] {
  return markdown.parseInline(`<a class="anchor" href="#${id}" aria-label="link to this">#</a>`, {})[0].children ?? [];
}

const textOf = ({ children }: Token): string =>
  (children ?? [])
    .filter(({ type }) => type === 'text' || type === 'code_inline' || type === 'softbreak')
    .map(({ type, content }) => (type === 'softbreak' ? ' ' : content))
    .join('');

/** Has a link of the markdown lead to the same in the site. What is not part of it is named, as the checkout has it. */
function leadThere(token: Token, source: string, path: string): void {
  const name = token.type === 'link_open' ? 'href' : token.type === 'image' ? 'src' : undefined;
  const link = name === undefined ? undefined : token.attrGet(name);
  if (name === undefined || typeof link !== 'string' || /^([a-z]+:|#)/.test(link)) return;
  const [file, anchor] = link.split('#');
  const target = posix.join(posix.dirname(source), file);
  const there = sitePath(target);
  if (there === undefined) {
    token.attrs = [
      ['class', 'source'],
      ['title', `${target}, in the repository`],
    ];
    return;
  }
  const relative = posix.relative(posix.dirname(path), there);
  token.attrSet(name, anchor === undefined ? relative : `${relative}#${anchor}`);
}

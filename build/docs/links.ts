import markdownIt, { type Token } from 'markdown-it';

const markdown = markdownIt({ html: true });

/** The links and pictures of a page that lead to other files of the repository, as they are written. */
export function linksOf(page: string): string[] {
  const found = inlines(page).flatMap((token) => [token.attrGet('href'), token.attrGet('src')]);
  return found.filter((link): link is string => typeof link === 'string' && !/^[a-z]+:/.test(link));
}

/** What a link may name of a page behind a `#`, in its order. */
export function headingIds(page: string): Set<string> {
  const ids = new Set<string>();
  const tokens = markdown.parse(page, {});
  for (const [i, { type }] of tokens.entries()) {
    if (type === 'heading_open') ids.add(headingId(tokens[i + 1], ids));
  }
  return ids;
}

/** The name of a heading that has `inline` as its text, as GitHub makes it, after those of the page so far. */
export function headingId(inline: Token, before: ReadonlySet<string>): string {
  const text = (inline.children ?? [])
    .filter(({ type }) => type === 'text' || type === 'code_inline')
    .map(({ content }) => content)
    .join('');
  const id = text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replaceAll(' ', '-');
  let numbered = id;
  for (let i = 1; before.has(numbered); i++) numbered = `${id}-${i}`;
  return numbered;
}

const inlines = (page: string): Token[] =>
  markdown.parse(page, {}).flatMap((token) => [token, ...(token.children ?? [])]);

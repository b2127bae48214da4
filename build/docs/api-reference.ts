import { type ApiItem, type ApiToken, nameOf, oneLine, readComment } from './api-model.ts';

/** A page of the reference: what an entry exports of one folder. */
export interface ApiPage {
  /** In docs/reference. */
  readonly file: string;
  readonly title: string;
  /** Says what the page is about, in a paragraph. */
  readonly about: string;
  readonly items: readonly ApiItem[];
}

/** The page as markdown. Names of other items lead to them, on whichever of `pages` they are. */
export function renderPage(page: ApiPage, pages: readonly ApiPage[]): string {
  const places = new Map(
    pages.flatMap(({ file, items }) =>
      items.map((item) => [nameOf(item), `${file === page.file ? '' : file}#${nameOf(item).toLowerCase()}`]),
    ),
  );
  const sections = page.items.map((item) => new Section(item, places).render());
  const others = pages.filter(({ file }) => file !== page.file).map(({ file, title }) => `[${title}](${file})`);
  const names = page.items.map((item) => `[${nameOf(item)}](#${nameOf(item).toLowerCase()})`).join(', ');
  return `# ${page.title}\n\n${page.about} Written from the docstrings. Other pages: ${others.join(', ')}.\n\n${names}\n\n${sections.join('\n')}`;
}

class Section {
  private readonly item: ApiItem;
  private readonly places: ReadonlyMap<string, string>;

  constructor(item: ApiItem, places: ReadonlyMap<string, string>) {
    this.item = item;
    this.places = places;
  }

  render(): string {
    const { item } = this;
    const members = (item.members ?? []).filter(({ isProtected, kind }) => !isProtected && kind !== 'Constructor');
    const made = (item.members ?? []).filter(({ isProtected, kind }) => !isProtected && kind === 'Constructor');
    const parts = [
      `## ${nameOf(item)}`,
      readComment(item.docComment).summary,
      this.declaration(),
      ...made.flatMap((way) => [
        this.signature(way).replace('constructor', `new ${nameOf(item)}`),
        readComment(way.docComment).summary,
        parameterList(way),
      ]),
      this.memberTable(members),
    ];
    return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
  }

  /** What a class or an interface is besides its members, and what another declaration is. */
  private declaration(): string {
    const { kind, excerptTokens } = this.item;
    if (kind !== 'Class' && kind !== 'Interface') return this.code(withoutModifiers(excerptTokens));
    const from = excerptTokens.findIndex(({ text }) => /\b(extends|implements) /.test(text));
    if (from < 0) return '';
    const [first, ...rest] = excerptTokens.slice(from);
    const relation = /\b(extends|implements) .*/s.exec(first.text)?.[0] ?? '';
    return this.code([{ ...first, text: relation }, ...rest]);
  }

  private memberTable(members: readonly ApiItem[]): string {
    if (members.length === 0) return '';
    const presets = members.some(({ docComment }) => readComment(docComment).preset !== undefined);
    const rows = members.map((member) => {
      const { summary, preset, parameters } = readComment(member.docComment);
      const said = [...parameters].map(([name, text]) => ` \`${name}\`: ${text}`).join(';');
      const cells = [this.signature(member), ...(presets ? [oneLine(preset ?? '')] : []), oneLine(`${summary}${said}`)];
      return `| ${cells.map((cell) => cell.replaceAll(/(?<!\\)\|/g, '\\|')).join(' | ')} |`;
    });
    const head = presets ? '| | Default | |\n|---|---|---|' : '| | |\n|---|---|';
    return `${head}\n${rows.join('\n')}`;
  }

  private signature(member: ApiItem): string {
    return this.code(withoutModifiers(member.excerptTokens));
  }

  /** Code whose names lead to what they name. */
  private code(tokens: readonly ApiToken[]): string {
    let text = '';
    const parts: string[] = [];
    const flush = (): void => {
      if (text.trim() !== '') parts.push(spaced(text));
      text = '';
    };
    for (const token of tokens) {
      const place = token.kind === 'Reference' ? this.places.get(token.text) : undefined;
      if (place === undefined) text += token.text.replaceAll(/\s+/g, ' ');
      else {
        flush();
        parts.push(`[\`${token.text}\`](${place})`);
      }
    }
    flush();
    return parts.join('').trim();
  }
}

/** Spaces at the ends of a code span would be dropped. */
function spaced(text: string): string {
  const [, before, inner, after] = /^( *)(.*?)( *)$/.exec(text) ?? [];
  return `${before}\`${inner}\`${after}`;
}

function parameterList(item: ApiItem): string {
  const { parameters } = readComment(item.docComment);
  return [...parameters].map(([name, text]) => `- \`${name}\`: ${text}`).join('\n');
}

/** Without what every declaration begins and ends with. */
function withoutModifiers(tokens: readonly ApiToken[]): ApiToken[] {
  const [first, ...rest] = tokens;
  const began = [{ ...first, text: first.text.replace(/^(export |declare |abstract |readonly )+/, '') }, ...rest];
  const last = began[began.length - 1];
  return [...began.slice(0, -1), { ...last, text: last.text.replace(/[; ]+$/, '') }];
}

interface SubjectAltNames {
  readonly dns: readonly string[];
  readonly uris: readonly string[];
}

/**
 * The names that a certificate proves, as the runtime writes them: `DNS:web.shop, URI:spiffe://mesh/web`. A value that
 * holds a comma or a quote is written in quotes as JSON has it, so that no name can pretend to be two; of a text that is
 * not written so, no name is taken.
 */
export function subjectAltNames(text = ''): SubjectAltNames {
  const dns: string[] = [];
  const uris: string[] = [];
  const entry = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^",]*)/y;
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text);
    const name = match?.[2].startsWith('"') ? unquoted(match[2]) : match?.[2];
    if (match === null || name === undefined) return { dns: [], uris: [] };
    if (match[1] === 'DNS') dns.push(name);
    else if (match[1] === 'URI') uris.push(name);
  }
  return { dns, uris };
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

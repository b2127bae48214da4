import { longest } from './form.ts';

/** What a connection, a request's frame or the mesh itself is told by: claims of tokens may not stand there. */
const taken: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is wrong with a header that claims are to stand in; undefined when nothing is. */
export function claimHeaderProblem(name: string): string | undefined {
  if (name.length > longest.text || !/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name)) return 'must be a header name';
  const folded = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
  if (taken.has(folded)) return 'must not be a header that requests are framed by';
  if (folded.startsWith('l5d-')) return 'must not begin with l5d-, which the mesh itself writes';
  return undefined;
}

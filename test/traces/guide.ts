import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/tracing.md'), 'utf8');
const blocks = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml]) => yaml);

const prefix = 'config.tulle.dev/trace-collector';

/**
 * The annotations by which the guide has spans sent by a protocol, but to `port` of this host. A protocol that it has in a
 * comment beside another (`opentelemetry # or otlp-http`) is that.
 */
export function guideAnnotations(protocol: string, port: number): Record<string, string> {
  const block = blocks.find((yaml) => new RegExp(`${prefix}-protocol: .*\\b${protocol}\\b`, 'm').test(yaml));
  if (block === undefined) throw new Error(`the guide has no annotations for ${protocol}`);
  const annotations = parse(block) as Record<string, string>;
  return { ...annotations, [prefix]: `127.0.0.1:${port}`, [`${prefix}-protocol`]: protocol };
}

/** The routes of the guide by which all votes of emojivoto are traced. */
export function guideRoutes(): object[] {
  const block = blocks.find((yaml) => yaml.includes('tracing.tulle.dev/sample-rate'));
  if (block === undefined) throw new Error('the guide has no route with a share of traces');
  return parseAllDocuments(block).map((document) => document.toJSON() as object);
}

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { settingKey } from '../../lib/contract/annotations.ts';
import { settings } from '../../lib/inject/annotations.ts';
import { type OptionDoc, optionDocs } from './option-docs.ts';

const root = resolve(import.meta.dirname, '../..');

/** Where options become settings, `'<setting>': … proxy.<option>`, and where those options are described. */
const sources = [
  {
    code: 'lib/workload/proxy-annotations.ts',
    object: 'proxy',
    docs: 'lib/workload/proxy-options.ts',
    before: 'proxy.',
  },
  { code: 'lib/workload/mesh-options.ts', object: 'options', docs: 'lib/workload/mesh-options.ts', before: '' },
] as const;

/** Of `tracing`, one option for several settings. */
const tracing: Readonly<Record<string, string>> = {
  'trace-collector': 'collector',
  'trace-collector-service-account': 'collectorServiceAccount',
  'trace-sample-rate': 'sampleRate',
  'trace-service-name': 'serviceName',
};

/** What no option of one name says. */
const others: Readonly<Record<string, OptionDoc>> = {
  'trace-collector-protocol': {
    name: 'tracing',
    text: 'What the collector takes: by `Tracing.otlp()`, `Tracing.otlpHttp()` or `Tracing.zipkin()`.',
    preset: 'opentelemetry',
  },
  'disable-tap': { name: 'proxy.tap', text: 'The opposite of `tap-enabled`, which comes before it.', preset: 'false' },
};

/** The rows of docs/reference/annotations.md about sidecars, one for each setting. Throws when one is described nowhere. */
export function sidecarAnnotations(): string {
  const known = new Map([...Object.entries(others), ...tracingOptions(), ...sources.flatMap(optionsOf)]);
  const rows = settings.map(({ name, expected, inherited }) => {
    const doc = known.get(name);
    if (doc === undefined) throw new Error(`no option of a workload is about the setting ${name}`);
    const scope = inherited || /namespace/.test(doc.text) ? '' : ' Not inherited from a namespace.';
    const cells = [`\`${name}\``, expected, `${doc.text}${scope}`, `\`${doc.name}\``, doc.preset ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  });
  return `| \`${settingKey('')}\` | Value | What it says | In TypeScript | Default there |\n|---|---|---|---|---|\n${rows.join('')}`;
}

function optionsOf({ code, object, docs, before }: (typeof sources)[number]): [string, OptionDoc][] {
  const described = optionDocs(docs);
  const said = new RegExp(`'([a-z-]+)':[^']*?(?:'\\w+',[^']*?)?\\b${object}\\.(\\w+)`, 'g');
  return [...readFileSync(join(root, code), 'utf8').matchAll(said)].map(([, setting, option]) => {
    const doc = described.get(option);
    if (doc === undefined) throw new Error(`${docs} has no option ${option}, by which ${code} says ${setting}`);
    return [setting, { ...doc, name: `${before}${option}` }];
  });
}

function tracingOptions(): [string, OptionDoc][] {
  const described = optionDocs('lib/workload/tracing.ts');
  return Object.entries(tracing).map(([setting, option]) => {
    const doc = described.get(option);
    if (doc === undefined) throw new Error(`lib/workload/tracing.ts has no option ${option}`);
    return [setting, { ...doc, name: `tracing.${option}`, preset: doc.preset ?? 'none' }];
  });
}

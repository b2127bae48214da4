import type { Expression } from './expression.ts';
import type { MigratedOptions, Migration } from './to-props.ts';

const lineWidth = 110;
const ofCdk8s: ReadonlySet<string> = new Set(['App', 'Chart', 'Duration', 'Size']);

/** The TypeScript of a cdk8s app that says what the migration says. */
export function typescriptOf({ namespace, mesh, namespaces, workloads, notes }: Migration): string {
  const body = [
    'const app = new App();',
    '',
    '// Beside Linkerd, in its namespace: identities stay what they are, and both sign with one issuer.',
    `new Mesh(new Chart(app, 'tulle'), 'mesh', ${written(mesh, 0)});`,
    ...namespaceLines(namespaces),
    ...workloadLines(workloads),
    '',
    'app.synth();',
    '',
  ].join('\n');
  const used = [...new Set([...body.matchAll(/\b([A-Z]\w+)\b(?=[.(>])/g)].map(([, name]) => name))].sort();
  const tulle = used
    .filter((name) => !ofCdk8s.has(name) && known.has(name))
    .map((name) => (name === 'MeshOptions' ? `type ${name}` : name));
  const imports = [
    `import { ${used.filter((name) => ofCdk8s.has(name)).join(', ')} } from 'cdk8s';`,
    `import { ${tulle.join(', ')} } from 'tulle';`,
  ];
  return `${header(namespace, notes)}${imports.join('\n')}\n\n${body}`;
}

/** What may be named: nothing that stands in a text of somebody else is imported. */
const known: ReadonlySet<string> = new Set([
  ...['AccessLog', 'InboundPolicy', 'Injection', 'LogLevel', 'Mesh', 'MeshOptions', 'MeshedNamespace', 'PullPolicy'],
  'TrustAnchors',
]);

function header(namespace: string, notes: readonly string[]): string {
  const lines = [
    `Made by 'tulle migrate' of what Linkerd has in namespace ${namespace}.`,
    ...(notes.length === 0 ? [] : ['', 'Not carried over:', ...notes.map((note) => `- ${note}`)]),
  ];
  return `/**\n${lines.map((line) => ` * ${commentable(line)}`.trimEnd()).join('\n')}\n */\n`;
}

/** Texts of others must not end the comment that they stand in. */
const commentable = (line: string): string => line.replaceAll('*/', '* /').replace(/[\p{Cc}\u2028\u2029]/gu, ' ');

function namespaceLines(namespaces: readonly MigratedOptions[]): string[] {
  if (namespaces.length === 0) return [];
  return [
    '',
    "// One after the other: what is in this chart moves. Linkerd's injector leaves it from then on.",
    "const namespaces = new Chart(app, 'namespaces');",
    ...namespaces.map(({ name, options }) => {
      const fields = new Map<string, Expression>([
        ['name', { kind: 'literal', value: name }],
        [
          'annotations',
          { kind: 'object', fields: new Map([['linkerd.io/inject', { kind: 'literal', value: 'disabled' }]]) },
        ],
        ...(isEmpty(options) ? [] : [['mesh', options] as const]),
      ]);
      return `new MeshedNamespace(namespaces, ${quoted(name)}, ${written({ kind: 'object', fields }, 0)});`;
    }),
  ];
}

function workloadLines(workloads: readonly MigratedOptions[]): string[] {
  if (workloads.length === 0) return [];
  const fields = new Map(workloads.map(({ name, options }) => [name, options]));
  return [
    '',
    '/** Of workloads that say more than their namespace: `mesh` of a MeshedDeployment, or `new MeshInjection(…)`. */',
    `export const workloads = ${written({ kind: 'object', fields }, 0)} satisfies Record<string, MeshOptions>;`,
  ];
}

const isEmpty = (options: Expression): boolean => options.kind === 'object' && options.fields.size === 0;

/** On one line where it fits. */
function written(value: Expression, depth: number): string {
  const short = onOneLine(value);
  if (value.kind !== 'object' || value.fields.size === 0) return short;
  const isFlat = [...value.fields.values()].every(({ kind }) => kind !== 'object');
  if (isFlat && value.fields.size <= 2 && depth * 2 + short.length <= lineWidth) return short;
  const indent = '  '.repeat(depth + 1);
  const fields = [...value.fields].map(([name, each]) => `${indent}${key(name)}: ${written(each, depth + 1)},`);
  return `{\n${fields.join('\n')}\n${'  '.repeat(depth)}}`;
}

function onOneLine(value: Expression): string {
  switch (value.kind) {
    case 'literal':
      return typeof value.value === 'string' ? quoted(value.value) : String(value.value);
    case 'list':
      return `[${value.items.map(onOneLine).join(', ')}]`;
    case 'call':
      return `${value.owner}.${value.factory}(${value.args.map(onOneLine).join(', ')})`;
    case 'object':
      return value.fields.size === 0
        ? '{}'
        : `{ ${[...value.fields].map(([name, each]) => `${key(name)}: ${onOneLine(each)}`).join(', ')} }`;
  }
}

const key = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : quoted(name));

/** A text as JavaScript has it, whatever is in it. */
const quoted = (text: string): string =>
  `'${JSON.stringify(text)
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll("'", "\\'")
    .replace(/[\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16)}`)}'`;

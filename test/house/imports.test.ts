import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Which rooms a room may import, besides itself and packages (design: "The house"). */
const allowed: Record<string, readonly string[]> = {
  api: [],
  lib: [],
  'lib/contract': [],
  'lib/kinds': ['lib/contract'],
  'lib/figures': ['lib/contract'],
  'lib/validation': ['lib/contract', 'lib/inject', 'lib/kinds'],
  'lib/profile': ['lib/contract', 'lib/kinds'],
  proxy: ['api', 'lib/contract'],
  'control-plane': ['api', 'lib/contract', 'lib/inject', 'lib/kinds'],
  synth: ['lib'],
  // What decides, and nothing that reads, waits or sends.
  model: [
    'lib/contract',
    'lib/inject',
    'lib/kinds',
    'lib/validation',
    'local/endpoint-slices.ts',
    'control-plane/cluster',
    'control-plane/destination',
    'control-plane/policy',
    'control-plane/sources',
    'proxy/discovery/addresses.ts',
    'proxy/filter',
    'proxy/model',
    'proxy/policy',
    'proxy/route',
    'proxy/wire',
  ],
  cli: ['lib', 'api', 'control-plane/kubernetes', 'control-plane/sources', 'synth', 'local', 'model'],
  local: ['lib/contract', 'lib/inject', 'lib/kinds', 'control-plane/sources'],
  examples: ['lib'],
  images: [],
};

/** Packages that the published constructs may import: nothing that opens a socket. */
const libPackages = /^(cdk8s(-plus-\d+)?|constructs|yaml|node:path|node:fs|node:crypto|node:module)$/;

function sources(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name === 'node_modules' || name === 'gen' || name === 'imports') return [];
    if (statSync(path).isDirectory()) return sources(path);
    return name.endsWith('.ts') && !name.endsWith('.d.ts') ? [path] : [];
  });
}

const specifiers = (text: string): string[] =>
  [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g,
    ),
  ].map((match) => (match[1] ?? match[2] ?? match[3]) as string);

describe('the rooms of the house', () => {
  for (const [room, mayImport] of Object.entries(allowed)) {
    it(`${room}/ imports only ${['itself', ...mayImport].join(', ')}`, () => {
      const offences: string[] = [];
      for (const file of sources(join(root, room))) {
        if (file.endsWith('.test.ts')) continue; // a test may bring any part to stand against its subject
        for (const specifier of specifiers(readFileSync(file, 'utf8'))) {
          if (!specifier.startsWith('.')) {
            const isForeign = room === 'lib' ? !libPackages.test(specifier) : room.startsWith('lib/');
            if (isForeign) offences.push(`${relative(root, file)} imports ${specifier}`);
            continue;
          }
          const target = relative(root, resolve(dirname(file), specifier));
          const isAllowed = [room, ...mayImport, 'package.json'].some(
            (place) => target === place || target.startsWith(`${place}/`),
          );
          if (!isAllowed) offences.push(`${relative(root, file)} imports ${target}`);
        }
      }
      expect(offences).toEqual([]);
    });
  }

  it('only proxy/net imports the Bun runtime', () => {
    const offences = sources(join(root, 'proxy'))
      .filter((file) => !relative(root, file).startsWith('proxy/net/') && !file.endsWith('.test.ts'))
      .filter((file) => /\bBun\.|from ['"]bun(:\w+)?['"]/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(root, file));
    expect(offences).toEqual([]);
  });

  it('has no circular imports', () => {
    const graph = new Map<string, string[]>();
    for (const room of Object.keys(allowed)) {
      for (const file of sources(join(root, room))) {
        const text = readFileSync(file, 'utf8').replace(/import type [^;]+;/g, '');
        graph.set(
          file,
          specifiers(text)
            .filter((s) => s.startsWith('.'))
            .map((s) => resolve(dirname(file), s)),
        );
      }
    }
    const done = new Set<string>();
    const path: string[] = [];
    const visit = (file: string): string | undefined => {
      if (path.includes(file))
        return [...path.slice(path.indexOf(file)), file].map((f) => relative(root, f)).join(' -> ');
      if (done.has(file)) return undefined;
      path.push(file);
      for (const next of graph.get(file) ?? []) {
        const cycle = visit(next);
        if (cycle) return cycle;
      }
      path.pop();
      done.add(file);
      return undefined;
    };
    for (const file of graph.keys()) expect(visit(file)).toBeUndefined();
  });

  it('has no folder of the control plane that imports one that imports it', () => {
    const room = join(root, 'control-plane');
    const folderOf = (file: string): string => {
      const [folder, ...rest] = relative(room, file).split('/');
      return rest.length === 0 ? 'control-plane' : folder;
    };
    const imports = new Map<string, Set<string>>();
    for (const file of sources(room)) {
      // What tests share brings any part, as tests do.
      if (file.endsWith('.test.ts') || /\/testing(\.ts$|\/)|-per-test\.ts$/.test(file)) continue;
      const targets = specifiers(readFileSync(file, 'utf8'))
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => resolve(dirname(file), specifier))
        .filter((target) => target.startsWith(`${room}/`));
      const known = imports.get(folderOf(file)) ?? new Set();
      for (const target of targets) if (folderOf(target) !== folderOf(file)) known.add(folderOf(target));
      imports.set(folderOf(file), known);
    }
    const reaches = (from: string, seen = new Set<string>()): Set<string> => {
      for (const next of imports.get(from) ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        reaches(next, seen);
      }
      return seen;
    };
    expect([...imports.keys()].filter((folder) => reaches(folder).has(folder))).toEqual([]);
  });
});

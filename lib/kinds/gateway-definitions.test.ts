import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { gatewayApi } from '../../test/cluster/gateway-api.ts';
import { gatewayDefinitions } from './gateway-definitions.ts';
import type { Schema } from './schema.ts';

type Definition = {
  readonly spec: {
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
};

const compared = ['type', 'enum', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'default'];

/** A line for each field, and for what is said of its values; where upstream has no bound, ours is not compared. */
function lines(schema: Schema, upstream: Schema, path: string): string[] {
  const { properties: fields = {}, required = [] } = schema as {
    properties?: Record<string, Schema>;
    required?: string[];
  };
  const theirs = (upstream['properties'] ?? {}) as Record<string, Schema>;
  const said = compared
    .filter((keyword) => upstream[keyword] !== undefined && typeof upstream['default'] !== 'object')
    .map((keyword) => {
      const value = schema[keyword];
      return `${path} ${keyword} ${JSON.stringify(Array.isArray(value) ? value.toSorted() : value)}`;
    });
  const items =
    upstream['items'] === undefined
      ? []
      : lines((schema['items'] ?? {}) as Schema, upstream['items'] as Schema, `${path}[]`);
  return [
    ...said,
    `${path}: ${Object.keys(fields).sort()}; needed: ${[...required].sort()}`,
    ...items,
    ...Object.keys(theirs)
      .sort()
      .flatMap((name) => lines(fields[name] ?? {}, theirs[name], `${path}.${name}`)),
  ];
}

describe.skipIf('missing' in gatewayApi)('the definitions of the Gateway API, as upstream has them', () => {
  it.each(gatewayDefinitions.map((kind) => [kind.kind, kind] as const))('%s', (_, { plural, versions }) => {
    const folder = join(dirname((gatewayApi as { folder: string }).folder), 'experimental');
    const upstream = parse(
      readFileSync(join(folder, `gateway.networking.k8s.io_${plural}.yaml`), 'utf8'),
    ) as Definition;
    const names = upstream.spec.versions.map(({ name }) => name).sort();
    expect(versions.map(({ name }) => name).sort()).toEqual(names);
    for (const { name, schema } of upstream.spec.versions) {
      const specOf = (of: Schema) => (of['properties'] as { spec: Schema }).spec;
      const theirs = specOf(schema.openAPIV3Schema);
      const ours = specOf(versions.find((version) => version.name === name)!.schema);
      expect(lines(ours, theirs, name)).toEqual(lines(theirs, theirs, name));
    }
  });
});

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { readConfig } from '../../proxy/config.ts';

const root = resolve(import.meta.dirname, '../..');
const prefix = 'LINKERD2_PROXY_';

/** Names of the variables that the proxy asks its environment for. */
function asked(environment: Readonly<Record<string, string>>): Set<string> {
  const names = new Set<string>();
  const watched = new Proxy(environment, {
    get: (values, name: string) => {
      if (name.startsWith(prefix)) names.add(name.slice(prefix.length));
      return values[name];
    },
  });
  readConfig(watched);
  return names;
}

it('the guide names every variable that the proxy reads, and no other', () => {
  const guide = readFileSync(join(root, 'docs/guides/proxy-variables.md'), 'utf8');
  const named = guide
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...line.split('|')[1].matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name));
  const read = asked({
    [`${prefix}DESTINATION_SVC_ADDR`]: 'localhost:1',
    [`${prefix}POLICY_SVC_ADDR`]: 'localhost:1',
    [`${prefix}IDENTITY_SVC_ADDR`]: 'localhost:1',
    [`${prefix}IDENTITY_LOCAL_NAME`]: 'web',
    [`${prefix}IDENTITY_TOKEN_FILE`]: '/token',
    [`${prefix}TAP_SVC_NAME`]: 'tap',
    [`${prefix}IDENTITY_TRUST_ANCHORS`]: '-----BEGIN CERTIFICATE-----',
  });
  expect(new Set(named).size).toBe(named.length);
  expect(named.toSorted()).toEqual([...read].toSorted());
});

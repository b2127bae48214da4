import { expect } from 'vitest';
import { namespace, pod, service, startTestDestination } from '../../control-plane/destination/testing.ts';
import { admit } from '../../control-plane/injector/testing/admit.ts';
import { PolicyWorld } from '../../control-plane/policy/testing.ts';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { patternProblem } from '../../lib/contract/pattern.ts';
import { settings } from '../../lib/inject/annotations.ts';

import { vector } from './vector.ts';

/** What a thread may be held for by one object. */
const maxMs = 1000;

async function elapsedMs(run: () => Promise<unknown> | unknown): Promise<number> {
  const startMs = performance.now();
  await run();
  return performance.now() - startMs;
}

const long = 60_000;
const texts = ['9', '9.', '1s', '99ms', ' ', '-', '1-', 'a', 'a.', '::', ':9', '[', '{"a":', '1,', '%'].flatMap(
  (part) => ['', '\0', 'x'].map((end) => part.repeat(long / part.length) + end),
);

vector(
  {
    who: 'tenant',
    attack: 'annotations of 60 kB on a pod, of every kind that a setting reads, in a dry run',
    promise: 'the injector answers each within a second, and the pod has its sidecar',
  },
  async () => {
    for (const text of texts) {
      const annotations = Object.fromEntries(settings.map(({ keys }) => [keys[0], text]));
      const object = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'web',
          namespace: 'shop',
          annotations: { ...annotations, 'linkerd.io/inject': 'enabled', 'tulle.dev/inject': 'enabled' },
        },
        spec: { containers: [{ name: 'web', image: 'web', ports: [{ containerPort: 8080 }] }] },
      };
      const before = performance.now();
      const { response, object: injected } = await admit(object, { request: { dryRun: true } });
      expect(performance.now() - before, JSON.stringify(text.slice(0, 10))).toBeLessThan(maxMs);
      expect(response.allowed).toBe(true);
      expect(JSON.stringify(injected)).toContain('"tulle-proxy"');
    }
  },
  60_000,
);

const policyObject = (kind: string, spec: object, version = 'v1alpha1'): object => ({
  apiVersion: `policy.linkerd.io/${version}`,
  kind,
  metadata: { name: 'mallory', namespace: 'shop' },
  spec,
});

const zone = `::%${'1'.repeat(100_000)}`;
const digits = '9'.repeat(100_000);
const hostile = [
  policyObject('NetworkAuthentication', { networks: [{ cidr: zone }, { cidr: '10.0.0.0/8', except: [`${zone}/8`] }] }),
  policyObject('MeshTLSAuthentication', { identities: [`${'a-'.repeat(50_000)}!`, `${'a.'.repeat(50_000)}!`] }),
  policyObject('AuthorizationPolicy', {
    targetRef: { kind: 'Namespace', name: 'shop' },
    requiredAuthenticationRefs: [{ group: 'policy.linkerd.io', kind: 'NetworkAuthentication', name: 'mallory' }],
  }),
  policyObject(
    'HTTPRoute',
    {
      parentRefs: [{ group: 'core', kind: 'Service', name: 'web' }],
      rules: [
        {
          timeouts: { request: digits },
          matches: [{ path: { type: 'RegularExpression', value: '(){9}'.repeat(20_000) } }],
        },
      ],
    },
    'v1beta3',
  ),
  {
    apiVersion: 'linkerd.io/v1alpha2',
    kind: 'ServiceProfile',
    metadata: { name: 'web.shop.svc.cluster.local', namespace: 'shop' },
    spec: {
      retryBudget: { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: digits },
      dstOverrides: [{ authority: 'web.shop', weight: digits }],
      opaquePorts: [digits, `${'1-'.repeat(50_000)}1`],
      routes: [{ name: 'x', condition: { pathRegex: digits, method: digits }, timeout: `${digits}.${digits}` }],
    },
  },
];

vector(
  {
    who: 'tenant',
    attack:
      'a network with an IPv6 zone of 100 kB, durations, names and patterns as long, admitted by a definition of before',
    promise: 'the validator refuses each at once, and says which field',
  },
  async () => {
    for (const object of hostile) {
      const { kind } = object as { kind: string };
      let problems: readonly string[] = [];
      expect(await elapsedMs(() => (problems = validateObject(object))), kind).toBeLessThan(maxMs);
      if (kind !== 'AuthorizationPolicy')
        expect(problems.join(), kind).toMatch(/^spec\..* has \d+ characters, more than/);
    }
  },
);

vector(
  {
    who: 'tenant',
    attack: 'the same objects, stored all the same',
    promise: 'destination and policy start and answer within seconds, as if the objects were not there',
  },
  async () => {
    const web = pod('10.1.0.1', { name: 'web' });
    let world: PolicyWorld | undefined;
    expect(
      await elapsedMs(async () => {
        world = await PolicyWorld.start([namespace(), service(), web, ...hostile]);
        const seen = world.watchPort(8080);
        await expect.poll(() => seen.messages.length > 0, { timeout: 15_000 }).toBe(true);
      }),
    ).toBeLessThan(5 * maxMs);
    await world?.stop();
    const destination = await startTestDestination();
    try {
      destination.source.put(namespace(), service(), web, ...hostile);
      const startMs = performance.now();
      const seen = destination.getProfile('web.shop.svc.cluster.local:80');
      await expect.poll(() => seen.messages.length > 0, { timeout: 15_000 }).toBe(true);
      expect(performance.now() - startMs).toBeLessThan(maxMs);
    } finally {
      await destination.stop();
    }
  },
);

vector(
  {
    who: 'tenant',
    attack: 'a pattern of a route that counts nothing, within counts: ((((){1000}){1000}){1000}){1000}',
    promise: 'it is read in no time',
  },
  async () => {
    const pattern = `${'('.repeat(40)}${'){1000}'.repeat(40)}`;
    expect(await elapsedMs(() => patternProblem(pattern))).toBeLessThan(maxMs);
    expect(patternProblem(`${pattern}/a`)).toBeUndefined();
  },
);

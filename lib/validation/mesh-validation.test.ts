import { describe, expect, it } from 'vitest';
import { MeshValidation, type MeshValidationViolation } from './mesh-validation.ts';

const server = (name: string, spec: object) => ({
  ...{ apiVersion: 'policy.linkerd.io/v1beta3', kind: 'Server', metadata: { name, namespace: 'shop' }, spec },
});
const files: Readonly<Record<string, unknown[]>> = {
  'dist/good.k8s.yaml': [server('web', { podSelector: {}, port: 80 }), null, 'text'],
  'dist/bad.k8s.yaml': [server('till', { podSelector: {}, port: 80, accessPolicy: 7 })],
  'dist/doubtful.k8s.yaml': [
    {
      ...{ apiVersion: 'policy.linkerd.io/v1alpha1', kind: 'AuthorizationPolicy' },
      metadata: { name: 'allow', namespace: 'shop' },
      spec: {
        targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: 'wbe' },
        requiredAuthenticationRefs: [],
      },
    },
  ],
};

async function validated(names: readonly string[], props?: ConstructorParameters<typeof MeshValidation>[0]) {
  const violations: MeshValidationViolation[] = [];
  const submitted: unknown[] = [];
  await new MeshValidation(props).validate({
    manifests: names.map((name) => `dist/${name}.k8s.yaml`),
    parseManifest: (path) => files[path] ?? JSON.parse(path),
    report: {
      addViolation: (violation) => violations.push(violation),
      submit: (...status) => submitted.push(status),
    },
  });
  return { violations, submitted };
}

describe('the validation of cdk8s-cli', () => {
  it('tells file, object, field, message and fix', async () => {
    const { violations, submitted } = await validated(['good', 'bad']);
    expect(violations).toEqual([
      {
        ruleName: 'schema (error)',
        recommendation: 'Server shop/till: spec.accessPolicy (7) must be a text',
        fix: expect.stringContaining('kubectl explain servers.policy.linkerd.io'),
        violatingResources: [
          { resourceName: 'till', locations: ['spec.accessPolicy'], manifestPath: 'dist/bad.k8s.yaml' },
        ],
      },
    ]);
    expect(submitted).toEqual([['failure', { Errors: '1', Warnings: '0' }]]);
  });

  it('tells of annotations that nobody follows, on whatever they stand', async () => {
    const named = (kind: string, annotations: object, spec: object, apiVersion = 'v1') => ({
      ...{ apiVersion, kind, spec, metadata: { name: 'a', namespace: 'shop', annotations } },
    });
    const parentRefs = [{ group: '', kind: 'Service', name: 'a' }];
    const template = {
      metadata: { annotations: { 'tulle.dev/inject': 'enabled', 'config.tulle.dev/proxy-cpu-limit': 'much' } },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    };
    const objects = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'b', annotations: { 'tulle.dev/inject': 'yes' } } },
      named('Deployment', {}, { template }, 'apps/v1'),
      named(
        'StatefulSet',
        {},
        { template: { ...template, metadata: { annotations: { 'tulle.dev/inject': 'on' } } } },
        'apps/v1',
      ),
      named('Service', { 'balancer.linkerd.io/failure-accrual': 'always' }, { ports: [{ port: 80 }] }),
      named(
        'EgressNetwork',
        { 'timeout.linkerd.io/request': 'soon' },
        { trafficPolicy: 'Deny' },
        'policy.linkerd.io/v1alpha1',
      ),
      named('HTTPRoute', { 'retry.linkerd.io/http': 'often' }, { parentRefs }, 'gateway.networking.k8s.io/v1'),
    ];
    const all: MeshValidationViolation[] = [];
    await new MeshValidation().validate({
      manifests: ['dist/all.yaml'],
      parseManifest: () => objects,
      report: { addViolation: (violation) => all.push(violation), submit: () => {} },
    });
    const noEffect = all.filter(({ ruleName }) => ruleName.startsWith('no-effect'));
    expect(noEffect.map(({ recommendation }) => recommendation.replace(/ (must be|has an).*/s, ''))).toEqual([
      `Namespace b: metadata.annotations["tulle.dev/inject"] 'yes'`,
      'Deployment shop/a: spec.template.metadata.annotations["config.tulle.dev/proxy-cpu-limit"] \'much\'',
      `StatefulSet shop/a: spec.template.metadata.annotations["tulle.dev/inject"] 'on'`,
      "Service shop/a: metadata.annotations['balancer.linkerd.io/failure-accrual'] (always)",
      "EgressNetwork shop/a: metadata.annotations['timeout.linkerd.io/request'] (soon)",
      "HTTPRoute shop/a: metadata.annotations['retry.linkerd.io/http'] (often)",
    ]);
    expect(noEffect.map(({ fix }) => fix)).toEqual(noEffect.map(() => expect.stringMatching(/^correct it, else /)));
  });

  it('lets a warning pass, unless it is asked not to', async () => {
    expect((await validated(['good'])).submitted).toEqual([['success', { Errors: '0', Warnings: '0' }]]);
    expect((await validated(['doubtful'])).submitted).toEqual([['success', { Errors: '0', Warnings: '1' }]]);
    expect((await validated(['doubtful'], { failOn: 'warning' })).submitted).toEqual([
      ['failure', { Errors: '0', Warnings: '1' }],
    ]);
  });

  it('refuses properties that it does not know, and says which file cannot be read', async () => {
    expect(() => new MeshValidation({ failon: 'error' } as never)).toThrow("'failon' is no property of MeshValidation");
    expect(() => new MeshValidation({ failOn: 'never' } as never)).toThrow("'failOn' (never) must be error or warning");
    await expect(validated(['none'])).rejects.toThrow('dist/none.k8s.yaml cannot be read: ');
  });
});

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

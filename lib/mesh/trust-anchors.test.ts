import { Chart, Duration, Testing } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { CertManagerIssuer, type CertManagerOptions, Mesh, type MeshProps, TrustAnchors } from '../index.ts';
import type { PodTemplate } from '../inject/kubernetes.ts';
import { meshInstall } from './install.ts';
import type { PolicyRule } from './rbac.ts';
import { storeInstall, upgradeInstall } from './stored-install.ts';

interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Record<string, unknown> & { readonly template: PodTemplate };
  readonly rules: PolicyRule[];
}

function synth(props: MeshProps): Rendered[] {
  const chart = new Chart(Testing.app(), 'tulle');
  new Mesh(chart, 'mesh', props);
  return Testing.synth(chart);
}
const certManager = (options?: CertManagerOptions, props: MeshProps = {}) =>
  synth({ ...props, trustAnchors: TrustAnchors.certManager(options) });
const made = (objects: Rendered[]) => objects.filter(({ apiVersion }) => apiVersion === 'cert-manager.io/v1');
const identityArgs = (objects: Rendered[]) =>
  objects
    .find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'tulle-identity')
    ?.spec.template.spec?.containers?.find(({ name }) => name === 'identity')?.args;
const secretRules = (objects: Rendered[]) =>
  objects
    .filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'tulle-identity')
    .flatMap(({ rules }) => rules)
    .filter(({ resources }) => resources.includes('secrets'));

it('those that the mesh makes are what is there without a word', () => {
  expect(synth({ trustAnchors: TrustAnchors.generated() }).filter(({ kind }) => kind !== 'ConfigMap')).toEqual(
    synth({}).filter(({ kind }) => kind !== 'ConfigMap'),
  );
  expect(identityArgs(synth({}))).not.toContain('--issuer=given');
});

it('an issuer that somebody writes is read, and no Secret may be made or changed', () => {
  const objects = synth({ trustAnchors: TrustAnchors.fromSecret() });
  expect(identityArgs(objects)).toContain('--issuer=given');
  expect(made(objects)).toEqual([]);
  expect(secretRules(objects)).toEqual([
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['tulle-identity-issuer'], verbs: ['get'] },
  ]);
});

it('cert-manager makes an anchor of the mesh’s own, and the issuer below it', () => {
  const objects = certManager();
  expect(made(objects)).toMatchSnapshot();
  expect(made(objects).map(({ kind, metadata }) => `${metadata.namespace}/${kind}/${metadata.name}`)).toEqual([
    'tulle/Issuer/tulle-self-signed',
    'tulle/Certificate/tulle-trust-anchor',
    'tulle/Issuer/tulle-trust-anchor',
    'tulle/Certificate/tulle-identity-issuer',
  ]);
  expect(identityArgs(objects)).toContain('--issuer=given');
});

it.each([
  [CertManagerIssuer.clusterIssuer('corp-ca'), { group: 'cert-manager.io', kind: 'ClusterIssuer', name: 'corp-ca' }],
  [CertManagerIssuer.issuer('vault'), { group: 'cert-manager.io', kind: 'Issuer', name: 'vault' }],
])('an issuer that is there signs the mesh’s, and nothing else is made (%#)', (issuer, issuerRef) => {
  const objects = made(
    certManager({ issuer, issuerLifetime: Duration.days(10) }, { namespace: 'mesh', trustDomain: 'corp.example' }),
  );
  expect(objects).toHaveLength(1);
  expect(objects[0].metadata).toMatchObject({ name: 'tulle-identity-issuer', namespace: 'mesh' });
  expect(objects[0].spec).toMatchObject({
    commonName: 'identity.mesh.corp.example',
    duration: '864000s',
    renewBefore: '259200s',
    issuerRef,
  });
});

it('survives an upgrade, which can bring it back to those that the mesh makes', () => {
  const props = { trustAnchors: TrustAnchors.certManager({ issuer: CertManagerIssuer.issuer('vault') }) };
  const stored = JSON.parse(JSON.stringify(storeInstall(meshInstall(props))));
  expect(upgradeInstall(stored)).toEqual(meshInstall(props));
  expect(upgradeInstall(stored, { trustAnchors: TrustAnchors.generated() }).trust).toBeUndefined();
});

describe('refused is', () => {
  it.each<[CertManagerOptions, string]>([
    [
      { issuer: CertManagerIssuer.issuer('vault'), anchorLifetime: Duration.days(9) },
      "'anchorLifetime' (9 days) must not be with 'issuer' (vault), whose anchor is not the mesh's: leave it out",
    ],
    [{ issuerLifetime: Duration.minutes(59) }, "'issuerLifetime' (59 minutes) must be an hour or more"],
    [
      { issuerLifetime: Duration.days(20), anchorLifetime: Duration.days(20) },
      "'anchorLifetime' (20 days) must be longer than 'issuerLifetime' (20 days)",
    ],
    [
      { issuerLifetime: Duration.hours(24) },
      "'issuerLifetime' (86400 s) must be longer than 'issuanceLifetime' (86400 s): certificates would outlive their issuer",
    ],
  ])('%j', (options, message) => {
    expect(() => certManager(options)).toThrow(new Error(message));
  });

  it('a name that no object can have, and names that cert-manager has no room for', () => {
    expect(() => CertManagerIssuer.issuer('Vault')).toThrow("'name' (Vault) must be the name of an object");
    const trustDomain = `${'a'.repeat(50)}.example`;
    expect(() => certManager({}, { trustDomain })).toThrow(
      /are too long for cert-manager: root\.tulle\.a+\.example has 69/,
    );
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration, Size } from 'cdk8s';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import {
  AccessLog,
  CertManagerIssuer,
  Compat,
  DataPlane,
  InboundPolicy,
  Interception,
  LogLevel,
  PullPolicy,
  Statsd,
  StatsdTags,
  Tracing,
  TrustAnchors,
} from '../../lib/index.ts';
import { givenProps } from '../../lib/mesh/install.ts';
import type { MeshProps } from '../../lib/mesh/mesh-props.ts';
import { run } from '../testing/run.ts';
import { meshForm } from './mesh-forms.ts';
import { meshValues } from './mesh-values.ts';
import type { ValueForm } from './value-forms.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-values-'));
afterAll(() => rmSync(folder, { recursive: true }));

const component = { replicas: 2, memoryLimit: '1Gi', logLevel: 'debug', autoscaling: { maxReplicas: 5 } };
/** Every property, as somebody writes it, and what TypeScript says for it. */
const values = {
  ...{ namespace: 'mesh', trustDomain: 'a.example', clusterDomain: 'k8s.local', registry: 'reg/x', version: '1.2.0' },
  ...{
    clusterNetworks: ['10.0.0.0/8'],
    egressNamespace: 'out',
    keyNetworks: ['10.9.0.0/16'],
    imagePullSecrets: ['pull'],
  },
  ...{
    gatewayApiVersion: '1.7',
    ipv6: true,
    highAvailability: true,
    antiAffinity: false,
    disruptionBudgets: false,
    failClosedWebhooks: false,
  },
  ...{ dataPlane: 'reg/proxy:v1', runtimeClassName: 'gvisor' },
  ...{ compat: 'linkerd', interception: 'explicit', defaultInboundPolicy: 'deny', imagePullPolicy: 'Always' },
  ...{ opaquePorts: [25], skipInboundPorts: [9000], skipOutboundPorts: [9001], requireIdentityOnPorts: [8443] },
  ...{ skipSubnets: ['10.8.0.0/16'], issuanceLifetime: '12h', clockSkewAllowance: '30s', logLevel: 'warn' },
  ...{ crds: false, proxyInjector: false, tap: true, networkPolicies: true, permissionGuards: false },
  ...{ webhookClientAuthorities: 'PEM', nodeSelector: { 'a.b/c': 'd' }, priorityClassName: 'high' },
  ...{
    tolerations: [{ key: 'a', operator: 'Exists', tolerationSeconds: 3 }],
    podLabels: { a: 'b' },
    podAnnotations: { c: 'd' },
  },
  tracing: { protocol: 'zipkin', collector: 'zipkin.tracing:9411', sampleRate: 0.5 },
  trustAnchors: { certManager: { clusterIssuer: 'root', issuerLifetime: '48h' } },
  components: { destination: component, identity: { cpuRequestMillis: 20 } },
  proxy: {
    ...{ logJson: true, accessLog: 'apache', cpuLimitMillis: 1500, memoryLimit: '128Mi', shutdownGracePeriod: '2m' },
    ...{ environment: { A: 'b' }, statsd: { server: 'statsd.monitoring', port: 9125, tags: 'librato' } },
  },
};
const props: MeshProps = {
  ...{ namespace: 'mesh', trustDomain: 'a.example', clusterDomain: 'k8s.local', registry: 'reg/x', version: '1.2.0' },
  ...{
    clusterNetworks: ['10.0.0.0/8'],
    egressNamespace: 'out',
    keyNetworks: ['10.9.0.0/16'],
    imagePullSecrets: ['pull'],
  },
  ...{
    gatewayApiVersion: '1.7',
    ipv6: true,
    highAvailability: true,
    antiAffinity: false,
    disruptionBudgets: false,
    failClosedWebhooks: false,
  },
  ...{ dataPlane: DataPlane.linkerd2('reg/proxy:v1'), runtimeClassName: 'gvisor' },
  ...{ compat: Compat.linkerd(), interception: Interception.explicit(), defaultInboundPolicy: InboundPolicy.deny() },
  ...{ imagePullPolicy: PullPolicy.always(), issuanceLifetime: Duration.hours(12) },
  ...{ opaquePorts: [25], skipInboundPorts: [9000], skipOutboundPorts: [9001], requireIdentityOnPorts: [8443] },
  ...{ skipSubnets: ['10.8.0.0/16'], clockSkewAllowance: Duration.seconds(30), logLevel: LogLevel.warn() },
  ...{ crds: false, proxyInjector: false, tap: true, networkPolicies: true, permissionGuards: false },
  ...{ webhookClientAuthorities: 'PEM', nodeSelector: { 'a.b/c': 'd' }, priorityClassName: 'high' },
  ...{
    tolerations: [{ key: 'a', operator: 'Exists', tolerationSeconds: 3 }],
    podLabels: { a: 'b' },
    podAnnotations: { c: 'd' },
  },
  tracing: Tracing.zipkin({ collector: 'zipkin.tracing:9411', sampleRate: 0.5 }),
  trustAnchors: TrustAnchors.certManager({
    issuer: CertManagerIssuer.clusterIssuer('root'),
    issuerLifetime: Duration.hours(48),
  }),
  components: {
    destination: {
      replicas: 2,
      memoryLimit: Size.gibibytes(1),
      logLevel: LogLevel.debug(),
      autoscaling: { maxReplicas: 5 },
    },
    identity: { cpuRequestMillis: 20 },
  },
  proxy: {
    ...{ logJson: true, accessLog: AccessLog.apache(), cpuLimitMillis: 1500, memoryLimit: Size.mebibytes(128) },
    ...{ shutdownGracePeriod: Duration.minutes(2), environment: { A: 'b' } },
    statsd: Statsd.server('statsd.monitoring', 9125, StatsdTags.LIBRATO),
  },
};

it('every property of Mesh can be said in a file, and means what it means in TypeScript', () => {
  expect(Object.keys(values).sort()).toEqual(Object.keys(meshForm.fields ?? {}).sort());
  writeFileSync(join(folder, 'all.yaml'), stringify(values));
  expect(givenProps(meshValues({ files: ['all.yaml'], set: [], cwd: folder }))).toEqual(givenProps(props));
});

it('and by --set, each by its path', () => {
  const set: string[] = [];
  const walk = (value: unknown, path: string, form: ValueForm | undefined): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, each] of Object.entries(value)) {
        const key = name.replaceAll('.', '\\.');
        walk(each, path === '' ? key : `${path}.${key}`, form?.fields?.[name]);
      }
    } else if (!Array.isArray(value) || typeof value[0] !== 'object') set.push(`${path}=${String(value)}`);
  };
  const { tolerations: _, ...scalars } = values;
  walk(scalars, '', meshForm);
  const { tolerations: __, ...expected } = props;
  expect(givenProps(meshValues({ files: [], set, cwd: folder }))).toEqual(givenProps(expected));
});

it('what stands later wins: files in their order, then --set, then options', async () => {
  writeFileSync(join(folder, 'one.yaml'), 'proxy: { logJson: true, memoryLimit: 64Mi }\nclusterDomain: one.example\n');
  writeFileSync(join(folder, 'two.json'), '{"proxy":{"memoryLimit":"96Mi"}}');
  const files = ['-f', 'one.yaml', '-f', 'two.json'];
  const args = [...files, '--set', 'clusterDomain=set.example', '--cluster-domain', 'option.example'];
  const { out } = await run(['install', ...args], { cwd: folder });
  const objects = parseAllDocuments(out).map((document) => document.toJS());
  const config = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'tulle-config');
  expect(JSON.parse(config.data.values)).toMatchObject({
    clusterDomain: 'option.example',
    defaults: { logFormat: 'json', memoryLimit: '96Mi' },
  });
});

describe('what cannot be meant is refused with its path and what it must be', () => {
  const failed = async (...args: string[]): Promise<{ message: string; exitCode: number }> =>
    (await run(['install', ...args], { cwd: folder }).catch((failure) => failure)).error;

  it.each([
    ['proxy.logJson=maybe', 'proxy.logJson (maybe) must be true or false'],
    ['proxy.logJso=true', 'proxy.logJso (true) must be one of image, version'],
    ['memoryLimit=1Gi', 'memoryLimit (1Gi) must be one of namespace, trustDomain'],
    ['proxy.memoryLimit=1G', 'proxy.memoryLimit (1G) must be a size such as 96Mi or 1Gi'],
    ['opaquePorts=a', 'opaquePorts[0] (a) must be a number'],
    ['proxy=x', 'proxy (x) must be a map of image'],
    ['defaultInboundPolicy=open', 'defaultInboundPolicy (open) must be one of all-unauthenticated'],
    ['compat=toString', 'compat (toString) must be one of none, linkerd'],
    [
      'dataPlane=foo',
      "dataPlane (foo) must be tulle, the mesh's own, or an image of Linkerd's proxy with its tag, such as cr.l5d.io/linkerd/proxy:edge-26.11.1",
    ],
    ['dataPlane=linkerd2:', "dataPlane (linkerd2:) must be tulle, the mesh's own, or an image"],
    ['dataPlane=toString', 'dataPlane (toString) must be tulle'],
    ['dataPlane.image=a:b', 'dataPlane ({"image":"a:b"}) must be tulle'],
    ['issuanceLifetime=long', 'issuanceLifetime (long) must be a duration'],
    ['trustAnchors=mine', 'trustAnchors (mine) must be one of generated, secret, certManager'],
    ['tracing.protocol=zipkin', 'tracing ({"protocol":"zipkin"}) must be other than it is: name the collector'],
    ['proxy.statsd.tags=none', 'give one of node, server and unixSocket'],
    ['__proto__.x=1', '__proto__ ({"x":"1"}) must be one of namespace'],
    ['=1', '--set (=1) must be a property of Mesh'],
    ['proxy.=1', '--set (proxy.=1) must be a property of Mesh'],
    ['nothing', '--set (nothing) must be a property of Mesh'],
    ['trustDomain=not a domain', "'trustDomain' (not a domain)"],
    ['components.destination.replicas=0', "'components.destination"],
  ])('--set %s', async (set, message) => {
    const error = await failed('--set', set, '--ignore-cluster');
    expect(error.message).toContain(message);
    expect(error.exitCode).toBe(64);
  });

  it('all of a file at once', async () => {
    writeFileSync(
      join(folder, 'wrong.yaml'),
      'tap: perhaps\nopaquePorts: 25-30\nnodeSelector: [a]\ncomponents: { web: {} }\n',
    );
    const { message, exitCode } = await failed('-f', 'wrong.yaml', '--ignore-cluster');
    expect([message.split('\n').length, exitCode]).toEqual([4, 64]);
    writeFileSync(join(folder, 'list.yaml'), '- a\n');
    expect((await failed('-f', 'list.yaml')).message).toContain('must be a map of the properties');
    for (const [file, reason] of [
      ['nowhere.yaml', 'there is no such file or folder'],
      ['wrong.yaml/below', 'there is no such file or folder'],
      ['.', 'it is a folder, and must be a file'],
    ] as const) {
      const missing = await failed('-f', file);
      expect([missing.message, missing.exitCode]).toEqual([`--values (${file}) cannot be read: ${reason}`, 64]);
    }
  });
});

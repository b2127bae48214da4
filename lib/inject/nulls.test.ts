import { describe, expect, it } from 'vitest';
import {
  annotateManifest,
  injectConfig,
  injectManifest,
  type Manifest,
  neighboursOf,
  uninjectManifest,
} from './index.ts';
import { isRecord } from './kubernetes.ts';

const container = {
  name: 'web',
  image: 'shop/web',
  args: ['x'],
  env: [{ name: 'http_proxy', value: 'x' }],
  ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
  livenessProbe: { httpGet: { port: 'http', path: '/' } },
  readinessProbe: { httpGet: { port: 8080 } },
  startupProbe: { exec: { command: ['x'] } },
  volumeMounts: [{ name: 'a', mountPath: '/a' }],
  securityContext: { runAsUser: 1 },
  resources: { requests: { cpu: '1' } },
};
const metadata = {
  name: 'web',
  namespace: 'shop',
  labels: { app: 'web' },
  annotations: { 'config.tulle.dev/opaque-ports': 'http,25', 'tulle.dev/inject': 'enabled' },
  ownerReferences: [{ kind: 'ReplicaSet', name: 'web' }],
};
const pod = {
  metadata,
  spec: {
    containers: [container],
    initContainers: [{ ...container, name: 'first', restartPolicy: 'Always' }],
    volumes: [{ name: 'a', emptyDir: {} }],
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    os: { name: 'linux' },
    hostNetwork: false,
  },
};
const objects: Manifest[] = [
  { apiVersion: 'v1', kind: 'Pod', ...pod },
  { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 1, template: pod } },
  { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec: { jobTemplate: { spec: { template: pod } } } },
  { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', metadata, spec: { template: pod } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }] },
  },
  { apiVersion: 'v1', kind: 'Namespace', metadata },
] as Manifest[];

/** Every copy of a value in which one part is something else. */
function* spoiled(value: unknown, instead: unknown): Iterable<unknown> {
  yield instead;
  if (Array.isArray(value)) {
    for (const [index, one] of value.entries()) for (const bad of spoiled(one, instead)) yield value.with(index, bad);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value))
      for (const bad of spoiled(one, instead)) yield { ...value, [key]: bad };
  }
}

const config = injectConfig();
const works: [string, (object: Manifest, all: Manifest[]) => unknown][] = [
  ['inject', (object) => injectManifest(object, config)],
  [
    'inject explicitly',
    (object) => injectManifest(object, config, { annotations: { 'tulle.dev/inject': 'explicit' } }),
  ],
  [
    'inject beside others',
    (object, all) => {
      const context = { request: 'explicit' as const };
      return injectManifest(object, config, { ...context, neighbours: neighboursOf(all, config, context) });
    },
  ],
  ['annotate', (object) => annotateManifest(object, config)],
  ['uninject', (object) => uninjectManifest(object)],
  ['uninject what was injected', (object) => uninjectManifest(injectManifest(object, config).object)],
];

describe.each(works)('%s', (_name, work) => {
  it.each([
    ['null', null],
    ['a text', 'x'],
    ['a list of null', [null]],
    ['a map', { a: null }],
  ])('does its work whatever field is %s', (_what, instead) => {
    const failures: string[] = [];
    for (const object of objects) {
      for (const bad of spoiled(object, instead)) {
        const list = { apiVersion: 'v1', kind: 'List', items: [bad, object] };
        // A document that is no object does not come here.
        for (const given of [...(isRecord(bad) ? [bad] : []), list] as Manifest[]) {
          try {
            work(given, [given, ...objects]);
          } catch (error) {
            failures.push(`${(error as Error).message}: ${JSON.stringify(bad)}`);
          }
        }
      }
    }
    expect([...new Set(failures.map((failure) => failure.slice(0, 160)))].slice(0, 5)).toEqual([]);
  });
});

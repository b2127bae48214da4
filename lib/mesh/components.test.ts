import { Chart, Size, Testing } from 'cdk8s';
import { expect, it } from 'vitest';
import { Mesh, type MeshComponents, type MeshProps } from '../index.ts';
import type { PodTemplate } from '../inject/kubernetes.ts';
import { meshInstall } from './install.ts';
import { storeInstall, upgradeInstall } from './stored-install.ts';

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly replicas?: number; readonly template: PodTemplate };
}

function install(props: MeshProps): Rendered[] {
  const chart = new Chart(Testing.app(), 'tulle');
  new Mesh(chart, 'mesh', props);
  return Testing.synth(chart);
}

const named = (objects: Rendered[], kind: string, name: string): Rendered =>
  objects.find((object) => object.kind === kind && object.metadata.name === `tulle-${name}`) as Rendered;
const namesOf = (objects: Rendered[], of: string): string[] =>
  objects.filter(({ kind }) => kind === of).map(({ metadata }) => metadata.name);

it('a component has the size and place that are given for it, and the others keep theirs', () => {
  const objects = install({
    nodeSelector: { pool: 'mesh' },
    priorityClassName: 'high',
    imagePullSecrets: ['pull'],
    runtimeClassName: 'gvisor',
    components: {
      destination: {
        replicas: 4,
        cpuRequestMillis: 500,
        cpuLimitMillis: 2000,
        memoryRequest: Size.gibibytes(1),
        memoryLimit: Size.gibibytes(2),
        tolerations: [{ key: 'dedicated', value: 'mesh', effect: 'NoSchedule' }],
        nodeSelector: { disk: 'ssd' },
        priorityClassName: 'higher',
        imagePullSecrets: ['pull', 'pull-too'],
        runtimeClassName: 'kata',
      },
    },
  });
  const { spec } = named(objects, 'Deployment', 'destination');
  expect(spec.replicas).toBe(4);
  expect(spec.template.spec).toMatchObject({
    nodeSelector: { 'kubernetes.io/os': 'linux', pool: 'mesh', disk: 'ssd' },
    tolerations: [{ key: 'dedicated', value: 'mesh', effect: 'NoSchedule' }],
    priorityClassName: 'higher',
    imagePullSecrets: [{ name: 'pull' }, { name: 'pull-too' }],
    runtimeClassName: 'kata',
  });
  expect(spec.template.spec?.containers?.find(({ name }) => name === 'destination')?.resources).toEqual({
    requests: { cpu: '500m', memory: '1Gi' },
    limits: { cpu: '2000m', memory: '2Gi' },
  });
  // Several can be lost one by one.
  expect(namesOf(objects, 'PodDisruptionBudget')).toEqual(['tulle-destination']);

  const identity = named(objects, 'Deployment', 'identity').spec;
  expect(identity.replicas).toBe(1);
  expect(identity.template.spec).toMatchObject({
    nodeSelector: { 'kubernetes.io/os': 'linux', pool: 'mesh' },
    priorityClassName: 'high',
    imagePullSecrets: [{ name: 'pull' }],
    runtimeClassName: 'gvisor',
  });
  expect(identity.template.spec).not.toHaveProperty('tolerations');
});

it('a component is scaled by the memory and CPU of its own container, and no apply puts its number back', () => {
  const objects = install({
    components: {
      destination: {
        replicas: 2,
        memoryLimit: Size.gibibytes(2),
        autoscaling: { maxReplicas: 8, memoryPercent: 50, cpuPercent: 400 },
      },
    },
  });
  expect(namesOf(objects, 'HorizontalPodAutoscaler')).toEqual(['tulle-destination']);
  expect(named(objects, 'Deployment', 'destination').spec).not.toHaveProperty('replicas');
  expect(named(objects, 'HorizontalPodAutoscaler', 'destination').spec).toMatchObject({
    scaleTargetRef: { kind: 'Deployment', name: 'tulle-destination' },
    minReplicas: 2,
    maxReplicas: 8,
    metrics: [
      {
        containerResource: {
          name: 'memory',
          container: 'destination',
          target: { type: 'AverageValue', averageValue: `${2 ** 30}` },
        },
      },
      { containerResource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 400 } } },
    ],
  });
});

it('what is given of a component survives an upgrade', () => {
  const props: MeshProps = {
    components: {
      identity: { tolerations: [{ operator: 'Exists' }] },
      destination: { memoryLimit: Size.gibibytes(2), autoscaling: { maxReplicas: 3 } },
    },
  };
  const stored = JSON.parse(JSON.stringify(storeInstall(meshInstall(props))));
  expect(upgradeInstall(stored)).toEqual(meshInstall(props));
  const upgraded = upgradeInstall(stored, { components: { identity: { replicas: 2 } } });
  expect(upgraded.components).toMatchObject({ identity: { replicas: 2 }, destination: { memoryLimit: '2Gi' } });
});

it.each<[MeshComponents, string]>([
  [{ identity: { replicas: 0 } }, "'components.identity.replicas' (0) must be a whole number of 1 or more"],
  [
    { destination: { cpuRequestMillis: 0.5 } },
    "'components.destination.cpuRequestMillis' (0.5) must be a whole number of 1 or more",
  ],
  [
    { destination: { memoryLimit: Size.mebibytes(64) } },
    "'components.destination.memoryLimit' (64Mi) must not be below 'memoryRequest' (96Mi): no pod could be created",
  ],
  [
    { destination: { cpuLimitMillis: 5 } },
    "'components.destination.cpuLimitMillis' (5m) must not be below 'cpuRequestMillis' (10m): no pod could be created",
  ],
  [
    { destination: { replicas: 3, autoscaling: { maxReplicas: 2 } } },
    "'components.destination.autoscaling.maxReplicas' (2) must not be below 'replicas' (3): raise it, or lower those",
  ],
  [
    { destination: { autoscaling: { maxReplicas: 2, memoryPercent: 120 } } },
    "'components.destination.autoscaling.memoryPercent' (120) must be 100 or less: a pod ends at its limit",
  ],
  [
    { proxyInjector: { tolerations: [{ operator: 'Exists' }, { key: 'a', effect: 'Never' }] } },
    "'components.proxyInjector.tolerations[1]' has the effect Never: one of NoSchedule, PreferNoSchedule, NoExecute",
  ],
  [
    { proxyInjector: { tolerations: [{}] } },
    "'components.proxyInjector.tolerations[0]' has no key: every key is borne with the operator Exists",
  ],
  [
    { policy: {} } as MeshComponents,
    "[tulle/mesh] 'components.policy' ({}) must be one of destination, identity, proxyInjector, tap",
  ],
])('refuses %j', (components, message) => {
  expect(() => install({ components })).toThrow(new Error(message));
});

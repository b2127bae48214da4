import fc from 'fast-check';
import { expect, it } from 'vitest';
import { portsSetting } from '../../control-plane/cluster/pod-facts.ts';
import { settingKey } from '../../lib/contract/annotations.ts';
import { parsePortSet } from '../../lib/contract/port-list.ts';
import { injectConfig, injectPod } from '../../lib/inject/index.ts';
import type { Pod } from '../../lib/kinds/pod.ts';

const appPort = 4050;

function pod(opaquePorts: string) {
  return {
    metadata: {
      name: 'web',
      annotations: { 'tulle.dev/inject': 'enabled', [settingKey('opaque-ports')]: opaquePorts },
    },
    spec: { containers: [{ name: 'web', ports: [{ name: 'db', containerPort: appPort }] }] },
  };
}

/** What the sidecar of a pod is told by its environment. */
function toSidecar(opaquePorts: string): boolean {
  const { pod: injected } = injectPod(pod(opaquePorts), injectConfig());
  const sidecar = injected.spec?.initContainers?.find(({ name }) => name === 'tulle-proxy');
  const text = sidecar?.env?.find(({ name }) => name.endsWith('INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION'))?.value;
  return parsePortSet(text ?? '')!.has(appPort);
}

/** What the control plane tells the pod's clients; the mesh's default when it cannot read the list. */
function toClients(opaquePorts: string): boolean {
  return portsSetting(pod(opaquePorts) as unknown as Pod, 'opaque-ports')?.has(appPort, 'db') ?? false;
}

it.each(['4000 - 4100', '33060000', '33060000,4050', '4050', 'db', ' 4000-4100 , ', '4100-4000', 'DB', '04050'])(
  'the sidecar and its clients read opaque-ports: %j the same way',
  (text) => expect(toClients(text)).toBe(toSidecar(text)),
);

it('whatever the list says, the sidecar and its clients take a port for the same', () => {
  const piece = fc.constantFrom('4050', '4000', '4100', '-', ' - ', ',', ' ', 'db', '0', '9', 'x', '.');
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, (list) => {
      expect(toClients(list)).toBe(toSidecar(list));
    }),
    { numRuns: 1000 },
  );
});

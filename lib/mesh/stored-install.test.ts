import { Size } from 'cdk8s';
import { expect, it } from 'vitest';
import { InboundPolicy } from '../workload/inbound-policy.ts';
import { Compat } from './compat.ts';
import { DataPlane } from './data-plane.ts';
import { meshInstall } from './install.ts';
import type { MeshProps } from './mesh-props.ts';
import { type StoredInstall, storeInstall, upgradeInstall } from './stored-install.ts';

const throughJson = (props: MeshProps): StoredInstall => JSON.parse(JSON.stringify(storeInstall(meshInstall(props))));

it('an install keeps what was given, and nothing else', () => {
  expect(throughJson({})).toEqual({ given: {} });
  const props: MeshProps = { namespace: 'mesh', ipv6: false, defaultInboundPolicy: InboundPolicy.allUnauthenticated() };
  expect(throughJson(props).given).toEqual({
    namespace: 'mesh',
    ipv6: false,
    settings: { 'config.tulle.dev/default-inbound-policy': 'all-unauthenticated' },
  });
});

it('every setting survives an upgrade, in another namespace too', () => {
  const props: MeshProps = {
    namespace: 'mesh',
    registry: 'registry.example/mesh',
    trustDomain: 'corp.example',
    clusterDomain: 'cluster.corp',
    clusterNetworks: ['10.1.0.0/16'],
    keyNetworks: ['10.2.0.0/16'],
    highAvailability: true,
    compat: Compat.linkerd(),
    dataPlane: DataPlane.linkerd2('cr.l5d.io/linkerd/proxy:edge-26.11.1'),
    defaultInboundPolicy: InboundPolicy.deny(),
    opaquePorts: [5432],
    proxy: { memoryLimit: Size.mebibytes(64) },
    imagePullSecrets: ['pull'],
    crds: false,
    nodeSelector: { pool: 'mesh' },
    priorityClassName: 'high',
  };
  expect(upgradeInstall(throughJson(props))).toEqual(meshInstall(props));
  // The bytes too: a cluster to which the upgrade is applied sees no change.
  expect(JSON.stringify(upgradeInstall(throughJson(props)))).toBe(JSON.stringify(meshInstall(props)));
});

it('images are those of this version, unless another is asked for', () => {
  const stored = throughJson({ version: '0.0.1' });
  expect(upgradeInstall(stored)).toEqual(meshInstall({}));
  expect(upgradeInstall(stored, { version: '0.0.2' }).controllerImage).toBe('tulle-controller:0.0.2');
});

it('what is asked for wins over what was stored, and leaves the rest', () => {
  const upgraded = upgradeInstall(throughJson({ namespace: 'mesh', opaquePorts: [5432] }), {
    highAvailability: true,
    clusterDomain: 'cluster.corp',
  });
  expect(upgraded).toEqual(
    meshInstall({ namespace: 'mesh', opaquePorts: [5432], highAvailability: true, clusterDomain: 'cluster.corp' }),
  );
});

it('a setting goes back to its default when that is asked for', () => {
  const before: MeshProps = {
    highAvailability: true,
    ipv6: true,
    networkPolicies: true,
    permissionGuards: false,
    crds: false,
    proxyInjector: false,
    registry: 'r.example',
    priorityClassName: 'high',
    compat: Compat.linkerd(),
    dataPlane: DataPlane.linkerd2('cr.l5d.io/linkerd/proxy:edge-26.11.1'),
    defaultInboundPolicy: InboundPolicy.deny(),
    opaquePorts: [5432],
    proxy: { memoryLimit: Size.mebibytes(64) },
  };
  const { config, ...upgraded } = upgradeInstall(throughJson(before), {
    highAvailability: false,
    ipv6: false,
    networkPolicies: false,
    permissionGuards: true,
    crds: true,
    proxyInjector: true,
    registry: '',
    priorityClassName: '',
    compat: Compat.none(),
    dataPlane: DataPlane.tulle(),
    defaultInboundPolicy: InboundPolicy.allUnauthenticated(),
    opaquePorts: [25, 587, 3306, 4444, 5432, 6379, 9300, 11_211],
  });
  const fresh = meshInstall({ proxy: { memoryLimit: Size.mebibytes(64) } });
  expect(config).toEqual(fresh.config);
  expect({ ...upgraded, given: undefined }).toEqual({ ...fresh, config: undefined, given: undefined });
});

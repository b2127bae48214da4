import { Size } from 'cdk8s';
import { expect, it } from 'vitest';
import { InboundPolicy } from '../workload/inbound-policy.ts';
import { Compat, type MeshProps, meshInstall } from './mesh-props.ts';
import { type StoredInstall, storeInstall, upgradeInstall } from './stored-install.ts';

const throughJson = (props: MeshProps): StoredInstall => JSON.parse(JSON.stringify(storeInstall(meshInstall(props))));

it('an install with the defaults differs in nothing', () => {
  expect(throughJson({})).toEqual({ namespace: 'tulle', differs: {} });
  expect(throughJson({ namespace: 'mesh', registry: 'r.example', version: '9' }).differs).toEqual({});
});

it('every setting survives an upgrade, in another namespace too', () => {
  const props: MeshProps = {
    namespace: 'mesh',
    registry: 'registry.example/mesh',
    trustDomain: 'corp.example',
    clusterDomain: 'cluster.corp',
    clusterNetworks: ['10.1.0.0/16'],
    highAvailability: true,
    compat: Compat.linkerd(),
    defaultInboundPolicy: InboundPolicy.deny(),
    opaquePorts: [5432],
    proxy: { memoryLimit: Size.mebibytes(64), image: 'other/proxy' },
    imagePullSecrets: ['pull'],
    crds: false,
    nodeSelector: { pool: 'mesh' },
    priorityClassName: 'high',
  };
  expect(upgradeInstall(throughJson(props))).toEqual(meshInstall(props));
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

it('a default of this version reaches what nobody had set', () => {
  const stored = throughJson({ opaquePorts: [5432] });
  expect(Object.keys(stored.differs)).toEqual(['config']);
  expect(stored.differs).toEqual({ config: { defaults: { opaquePorts: [{ from: 5432, to: 5432 }] } } });
});

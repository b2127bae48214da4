import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ObjectsInMemory } from '../../control-plane/certificates/testing.ts';
import { parseContextToken } from '../../control-plane/destination/context-token.ts';
import { Owners } from '../../control-plane/injector/owners.ts';
import { validateObject } from '../../control-plane/policy/validator/index.ts';
import { parseWorkload } from '../../control-plane/policy/workload.ts';
import { hasLabels, selects } from '../../lib/contract/labels.ts';
import { settings } from '../../lib/inject/annotations.ts';
import { expand } from '../../local/container-env.ts';
import { StateFolder, writeAtomically } from '../../local/state-folder.ts';
import { vector } from './vector.ts';

const inherited = [...Object.getOwnPropertyNames(Object.prototype), 'length', 'name'];

vector(
  {
    who: 'tenant',
    attack: 'toString, constructor, __proto__ as keys of labels, values of settings, kinds and names of variables',
    promise: 'each is taken for the text that it is, or refused',
  },
  () => {
    for (const name of inherited) {
      for (const operator of ['Exists', 'In']) {
        expect(selects({ matchExpressions: [{ key: name, operator, values: [name] }] }, {}), name).toBe(false);
      }
      expect(selects({ matchExpressions: [{ key: name, operator: 'DoesNotExist' }] }, {}), name).toBe(true);
      expect(selects({ matchExpressions: [{ key: name, operator: 'Exists' }] }, JSON.parse(`{"${name}":"x"}`))).toBe(
        true,
      );
      expect(hasLabels({}, { [name]: Object.prototype.toString as never }), name).toBe(false);
      for (const { read, keys } of settings) {
        for (const value of Object.values(read(name) ?? {})) expect(typeof value, keys[0]).not.toBe('function');
      }
      expect(expand(`$(${name})`, {})).toBe(`$(${name})`);
      expect(validateObject({ apiVersion: name, kind: name, metadata: {}, spec: {} })).toEqual([]);
      expect(parseContextToken(JSON.stringify({ [name]: 'x' })).namespace).toBeUndefined();
      expect(parseWorkload(`{"${name}":"x"}`)).toBeUndefined();
    }
  },
);

vector(
  {
    who: 'tenant',
    attack: 'a pod that names a ReplicaSet of another namespace as its owner, by uid',
    promise: 'the injector finds the owner in the namespace of the pod, and remembers it for that alone',
  },
  async () => {
    const api = new ObjectsInMemory();
    const owner = (kind: string, name: string) => ({ apiVersion: 'apps/v1', kind, name, uid: 'u-1', controller: true });
    for (const [namespace, deployment] of [
      ['mallory', 'forged'],
      ['shop', 'web'],
    ]) {
      api.objects.set(`/apis/apps/v1/namespaces/${namespace}/replicasets/web-1`, {
        metadata: { name: 'web-1', ownerReferences: [owner('Deployment', deployment)] },
      } as never);
    }
    const owners = new Owners({ api, onProblem: () => {} });
    const pod = { metadata: { ownerReferences: [owner('ReplicaSet', 'web-1')] } };
    expect(await owners.rootOf(pod, 'mallory')).toMatchObject({ name: 'forged' });
    expect(await owners.rootOf(pod, 'shop')).toMatchObject({ name: 'web' });
  },
);

vector(
  {
    who: 'tenant',
    attack: 'a checkout whose .tulle/local is a symbolic link to somewhere else',
    promise: 'the local mesh refuses the folder, and neither empties what it leads to nor writes keys there',
  },
  async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tulle-links-')));
    try {
      mkdirSync(join(folder, 'home/credentials'), { recursive: true });
      writeFileSync(join(folder, 'home/credentials/key'), 'mine');
      symlinkSync(join(folder, 'home'), join(folder, 'state'));
      await expect(new StateFolder(join(folder, 'state')).claim()).rejects.toThrow(/is a symbolic link: remove it/);
      symlinkSync(join(folder, 'home/credentials/key'), join(folder, 'file.next'));
      await writeAtomically(join(folder, 'file'), 'ours');
      expect(readFileSync(join(folder, 'home/credentials/key'), 'utf8')).toBe('mine');
      expect(readdirSync(join(folder, 'home/credentials'))).toEqual(['key']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

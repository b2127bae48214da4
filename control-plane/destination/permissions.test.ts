import { App, Chart, Testing } from 'cdk8s';
import { expect, test } from 'vitest';
import { Mesh } from '../../lib/index.ts';
import { kindInfo } from '../sources/kinds.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

test('the component may list and watch the kinds that it reads, and no other', () => {
  const chart = new Chart(new App(), 'tulle');
  new Mesh(chart, 'mesh');
  const roles = (Testing.synth(chart) as { kind: string; metadata: { name: string }; rules?: Rule[] }[]).filter(
    ({ kind, metadata }) => kind === 'ClusterRole' && metadata.name.includes('destination'),
  );
  const watched = roles
    .flatMap(({ rules = [] }) => rules)
    .filter(({ verbs }) => verbs.includes('watch'))
    .flatMap(({ apiGroups, resources }) => apiGroups.flatMap((group) => resources.map((each) => `${group}/${each}`)));
  expect(watched.sort()).toEqual(
    Object.values(kindInfo)
      .map(({ group, plural }) => `${group}/${plural}`)
      .sort(),
  );
});

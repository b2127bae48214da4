import { expect, it } from 'vitest';
import { type EnvFacts, expand, resolveEnv } from './container-env.ts';
import type { LocalProblem } from './problem.ts';

const facts: EnvFacts = {
  configMaps: new Map([['shop/settings', { mode: 'fast' }]]),
  secrets: new Map([['shop/keys', { api: 'k1' }]]),
  pod: {
    name: 'web-0',
    namespace: 'shop',
    uid: 'u-1',
    ip: '127.77.0.3',
    nodeName: 'local',
    serviceAccountName: 'web',
    labels: { app: 'web' },
    annotations: {},
  },
};
const place = { object: 'shop/deployment/web', field: 'containers[web]' };
const field = (fieldPath: string) => ({ fieldRef: { fieldPath } });

it('takes values, fields of the pod, and keys of ConfigMaps and Secrets', () => {
  const problems: LocalProblem[] = [];
  const env = resolveEnv(
    [
      { name: 'IP', valueFrom: field('status.podIP') },
      { name: 'URL', value: 'http://$(IP):8080' },
      { name: 'APP', valueFrom: field("metadata.labels['app']") },
      { name: 'MODE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'mode' } } },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'api' } } },
      { name: 'EMPTY' },
    ],
    facts,
    place,
    problems,
  );
  expect(env).toEqual({
    IP: '127.77.0.3',
    URL: 'http://127.77.0.3:8080',
    APP: 'web',
    MODE: 'fast',
    KEY: 'k1',
    EMPTY: '',
  });
  expect(problems).toEqual([]);
});

it('leaves out and tells what cannot be resolved; what is optional is not told', () => {
  const problems: LocalProblem[] = [];
  const env = resolveEnv(
    [
      { name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'nothing' } } },
      { name: 'B', valueFrom: { secretKeyRef: { name: 'nothing', key: 'api', optional: true } } },
      { name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'D', valueFrom: field('status.nothing') },
      { name: 'E', value: 'stays' },
    ],
    facts,
    place,
    problems,
  );
  expect(env).toEqual({ E: 'stays' });
  expect(problems.map(({ field: at }) => at)).toEqual([
    'containers[web].env[A]',
    'containers[web].env[C]',
    'containers[web].env[D]',
  ]);
  expect(problems[0].message).toContain('ConfigMap settings with the key nothing is not among the manifests');
});

it.each([
  ['$(A)', 'x'],
  ['$(B)', '$(B)'],
  ['$$(A)', '$(A)'],
  ['$A', '$A'],
  ['a$(A)$(A)', 'axx'],
  ['$(toString)', '$(toString)'],
])('%s becomes %s', (text, expanded) => {
  expect(expand(text, Object.assign(Object.create(null), { A: 'x' }))).toBe(expanded);
});

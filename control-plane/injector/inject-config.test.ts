import { expect, it } from 'vitest';
import { injectConfig } from '../../lib/inject/index.ts';
import { parseInjectConfig } from './inject-config.ts';

it('reads the values that the install writes, to the letter', () => {
  const config = injectConfig({ meshNamespace: 'mesh', compat: 'linkerd', defaults: { cpuLimit: '1' } });
  expect(parseInjectConfig(JSON.stringify(config))).toEqual(config);
});

it('takes the default for what an older install does not know', () => {
  expect(parseInjectConfig('{"meshNamespace":"mesh","defaults":{"version":"1.0.0"}}')).toEqual(
    injectConfig({ meshNamespace: 'mesh', defaults: { version: '1.0.0' } }),
  );
});

it.each([
  ['{', /^must be JSON: /],
  ['[]', 'must be an object'],
  ['{"meshNamespace":1}', 'meshNamespace must be a string'],
  ['{"clusterNetworks":"10.0.0.0/8"}', 'clusterNetworks must be a list'],
  ['{"defaults":{"uid":null}}', 'defaults.uid must be a number'],
])('refuses %s', (text, message) => {
  expect(() => parseInjectConfig(text)).toThrow(message);
});

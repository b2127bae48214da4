/** What the API server would refuse of an install, or a node could not run: told at synth, by name, value and fix. */
import type { ProxySettings } from '../inject/config.ts';
import * as values from '../workload/option-values.ts';
import type { GivenProps } from './install.ts';

const dnsSubdomain = /^[a-z0-9][-a-z0-9]*(\.[a-z0-9][-a-z0-9]*)*$/;
const labelName = /^[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;

export function failOnUnusable(given: GivenProps): void {
  values.tag('version', given.version);
  for (const name of given.imagePullSecrets ?? []) objectName('imagePullSecrets', name);
  // Empty for none.
  if (given.priorityClassName) objectName('priorityClassName', given.priorityClassName);
  if (given.runtimeClassName) objectName('runtimeClassName', given.runtimeClassName);
  if (given.webhookClientAuthorities) objectName('webhookClientAuthorities', given.webhookClientAuthorities);
  labels('nodeSelector', given.nodeSelector);
  labels('podLabels', given.podLabels);
  for (const key of Object.keys(given.podAnnotations ?? {})) labelKey('podAnnotations', key);
  for (const [name, component] of Object.entries(given.components ?? {})) {
    labels(`components.${name}.nodeSelector`, component.nodeSelector);
    if (component.priorityClassName) objectName(`components.${name}.priorityClassName`, component.priorityClassName);
    if (component.runtimeClassName) objectName(`components.${name}.runtimeClassName`, component.runtimeClassName);
    for (const secret of component.imagePullSecrets ?? []) objectName(`components.${name}.imagePullSecrets`, secret);
  }
  if (given.proxyInjector === false && given.components?.proxyInjector !== undefined) {
    throw new Error("'components.proxyInjector' must not be with 'proxyInjector' (false): leave one of them out");
  }
}

/** Ports that were given, beside those that were not. */
export function failOnSharedPorts({ inboundPort, outboundPort, adminPort, controlPort }: ProxySettings): void {
  values.distinct({ inboundPort, outboundPort, adminPort, controlPort });
}

function objectName(prop: string, name: string): void {
  if (name.length <= 253 && dnsSubdomain.test(name) && !/-(\.|$)/.test(name)) return;
  throw new Error(
    `'${prop}' (${name}) must be the name of an object: lower-case letters, digits, - and ., at most 253`,
  );
}

function labels(prop: string, given: Readonly<Record<string, string>> = {}): void {
  for (const [key, value] of Object.entries(given)) {
    labelKey(prop, key);
    if (value !== '' && !labelName.test(value)) {
      throw new Error(
        `'${prop}' has ${key}: ${value}, which must be letters, digits, -, _ and ., at most 63, with a letter or digit at both ends`,
      );
    }
  }
}

function labelKey(prop: string, key: string): void {
  const slash = key.indexOf('/');
  const [prefix, name] = slash < 0 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)];
  if (labelName.test(name) && (prefix === undefined || dnsSubdomain.test(prefix))) {
    if (!/(^|\.)(linkerd\.io|tulle\.dev)$/.test(prefix ?? '')) return;
    if (prop.endsWith('nodeSelector')) return;
    throw new Error(`'${prop}' has ${key}, which is the mesh's own: leave it out`);
  }
  throw new Error(`'${prop}' has the key ${key}: it must be a name such as team or example.com/team`);
}

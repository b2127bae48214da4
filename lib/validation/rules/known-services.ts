import type { Manifest } from '../../inject/kubernetes.ts';
import { type Service, service } from '../../kinds/service.ts';
import { misshape } from '../../kinds/structural-check.ts';
import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, namespaceOf, objectsOf } from '../manifest-model.ts';
import { routesOf, serviceReferences } from '../route-backends.ts';

/** Routes and profiles name ports that Services have. */
export const knownPorts: Rule = {
  id: 'unknown-port',
  *check<E extends Entry>(model: ManifestModel<E>) {
    for (const { at, field, namespace, name, port } of portsNamed(model)) {
      const found = model.service(namespace, name);
      const ports = found && portsOf(found.manifest);
      if (port === undefined || ports === undefined || ports.includes(port)) continue;
      yield {
        ...{ severity: 'error' as const, at, field },
        message: `(${port}) is none of the Service ${namespace}/${name}, which has ${ports.join(', ') || 'none'}`,
        fix: 'name one of these, or give the Service that port',
      };
    }
  },
};

/** By routes, and by the overrides of ServiceProfiles. */
function* portsNamed<E extends Entry>(model: ManifestModel<E>) {
  for (const route of routesOf(model)) {
    for (const { path, ...named } of serviceReferences(route)) {
      yield { at: route.entry, field: `${path}.port`, ...named };
    }
  }
  for (const { entry: at, object } of objectsOf(model, 'ServiceProfile')) {
    for (const [index, { authority }] of (object.spec?.dstOverrides ?? []).entries()) {
      const [, name, namespace, port] = /^([^.:]+)\.([^.:]+)\.svc\.[^:]+:(\d+)$/.exec(authority) ?? [];
      if (name === undefined) continue;
      yield { at, field: `spec.dstOverrides[${index}].authority`, namespace, name, port: Number(port) };
    }
  }
}

/** A route names Services that are there, where the manifests are those of their namespace. */
export const knownServices: Rule = {
  id: 'unknown-service',
  *check<E extends Entry>(model: ManifestModel<E>) {
    let namespaces: ReadonlySet<string> | undefined;
    for (const route of routesOf(model)) {
      for (const { path, namespace, name } of serviceReferences(route)) {
        if (model.service(namespace, name) !== undefined) continue;
        namespaces ??= new Set([
          ...model.namespaces.keys(),
          ...model.ofKind('v1', 'Service').map(({ manifest }) => namespaceOf(manifest)),
        ]);
        if (!namespaces.has(namespace)) continue;
        yield {
          ...{ severity: 'warning' as const, at: route.entry, field: `${path}.name` },
          message: `(${name}) is no Service of ${namespace} among the manifests, and requests to one that is not there are refused`,
          fix: 'correct the name; if it is made elsewhere, nothing',
        };
      }
    }
  },
};

/** Undefined for a Service whose ports cannot be told. */
function portsOf(manifest: Manifest): number[] | undefined {
  const { spec } = manifest as Service;
  // What a Service of this type leads to has ports of its own.
  if (misshape(service, manifest) !== undefined || spec?.type === 'ExternalName') return undefined;
  return spec?.ports?.map(({ port }) => port);
}

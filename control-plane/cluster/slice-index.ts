import type { EndpointSlice } from '../../lib/kinds/endpoint-slice.ts';
import { objectKey } from '../sources/object-key.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

/** EndpointSlices by Service, and the Services that a pod stands behind. An event costs what its slice holds, no more. */
export class SliceIndex {
  private readonly byService = new Map<string, Map<string, EndpointSlice>>();
  private readonly serviceOf = new Map<string, string>();
  /** Slices that name a pod, with the Service of each. */
  private readonly byPod = new Map<string, Map<string, string>>();

  /** The slices of a Service, by `namespace/name`. */
  of(service: string): Iterable<EndpointSlice> {
    return this.byService.get(service)?.values() ?? [];
  }

  /** The Services, by `namespace/name`, whose slices name a pod. */
  servicesOf(pod: string): Set<string> {
    return new Set(this.byPod.get(pod)?.values());
  }

  /** Stores a slice. Returns the Services whose endpoints it may have changed: two, when it moved. */
  set(slice: EndpointSlice): Set<string> {
    const changed = this.delete(slice);
    const service = serviceOf(slice);
    if (service === undefined) return changed;
    const key = objectKey(slice);
    let slices = this.byService.get(service);
    if (slices === undefined) {
      slices = new Map();
      this.byService.set(service, slices);
    }
    slices.set(key, slice);
    this.serviceOf.set(key, service);
    for (const pod of podsOf(slice)) {
      let naming = this.byPod.get(pod);
      if (naming === undefined) {
        naming = new Map();
        this.byPod.set(pod, naming);
      }
      naming.set(key, service);
    }
    return changed.add(service);
  }

  delete(slice: EndpointSlice): Set<string> {
    const key = objectKey(slice);
    const service = this.serviceOf.get(key);
    if (service === undefined) return new Set();
    const slices = this.byService.get(service);
    const known = slices?.get(key);
    this.serviceOf.delete(key);
    slices?.delete(key);
    if (slices?.size === 0) this.byService.delete(service);
    for (const pod of known === undefined ? [] : podsOf(known)) {
      const naming = this.byPod.get(pod);
      naming?.delete(key);
      if (naming?.size === 0) this.byPod.delete(pod);
    }
    return new Set([service]);
  }
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceNameLabel] || metadata.ownerReferences?.find(isService)?.name;
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

const isService = ({ kind }: { kind: string }): boolean => kind === 'Service';

/** The pods that a slice names, by `namespace/name`. */
function* podsOf(slice: EndpointSlice): Iterable<string> {
  for (const { targetRef } of slice.endpoints ?? []) {
    if (targetRef?.kind === 'Pod' && targetRef.name !== undefined)
      yield `${targetRef.namespace ?? slice.metadata.namespace}/${targetRef.name}`;
  }
}

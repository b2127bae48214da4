import { setting } from '../contract/annotations.ts';
import { containsPort, parsePorts } from '../contract/port-list.ts';
import { isRecord } from '../inject/kubernetes.ts';
import type { Entry, ManifestModel } from './manifest-model.ts';

/** What clients take the port of a Service to speak, whatever routes it has, and what says so. */
export interface SpokenProtocol {
  /** As an appProtocol: `http`, `kubernetes.io/h2c`, `mysql`; `opaque` where ports are listed as such. */
  readonly name: string;
  readonly why: string;
}

/** Undefined where routes decide, and where it cannot be known: the Service or what its namespace says is not at hand. */
export function spokenProtocol(
  model: ManifestModel<Entry>,
  { namespace, name, port }: { readonly namespace: string; readonly name: string; readonly port: number | undefined },
): SpokenProtocol | undefined {
  const service = model.service(namespace, name)?.manifest;
  const ports = service?.spec?.ports;
  const found = Array.isArray(ports) ? ports.find((each) => isRecord(each) && each.port === port) : undefined;
  if (service === undefined || port === undefined || !isRecord(found)) return undefined;
  const { appProtocol, name: portName } = found;
  if (typeof appProtocol === 'string') return { name: appProtocol, why: `appProtocol '${appProtocol}'` };
  const around = model.namespaces.get(namespace);
  const own = setting(service.metadata, 'opaque-ports');
  const text = own ?? setting(around, 'opaque-ports');
  const listed = text === undefined ? around && model.config.defaults.opaquePorts : parsePorts(text, 'names');
  if (!containsPort(listed ?? [], port, typeof portName === 'string' ? portName : undefined)) return undefined;
  const whose = own !== undefined ? 'of its own' : text !== undefined ? 'of its namespace' : 'of the mesh';
  return { name: 'opaque', why: `one of the opaque ports ${whose}` };
}

import type { EndpointInfo } from '../model/endpoint-info.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Labels } from './labels.ts';

/**
 * A port as metrics show it: `other` for those that a client may have made up. Who proves no identity would otherwise
 * choose label values, and a scan of all ports would leave a series for each.
 */
export type ShownPort = number | 'other';

/** Where a connection or request goes: `target_addr`, `target_ip`, `target_port`. */
export function targetLabels(address: string, port: ShownPort): Labels {
  return { target_addr: formatHostPort(address, port), target_ip: address, target_port: String(port) };
}

/** What outbound metrics say of an endpoint: target, TLS and its own labels as `dst_*`. */
export function endpointLabels(info: EndpointInfo): Labels {
  const labels: Record<string, string> = { ...targetLabels(info.address, info.port) };
  if (info.identity === undefined) {
    labels.tls = 'no_identity';
    labels.no_tls_reason = info.noTlsReason ?? 'not_provided_by_service_discovery';
  } else {
    labels.tls = 'true';
    labels.server_id = info.identity.name;
  }
  for (const [name, value] of Object.entries(info.labels)) labels[`dst_${name}`] = value;
  return labels;
}

import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Http2ClientParams, TlsIdentity, WeightedAddr } from '../../api/gen/destination_pb.js';
import { addressFromApi } from '../control/addresses.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import { formatHostPort } from '../wire/ip-network.ts';

/** Told of each endpoint that cannot be used as it is described. */
export type OnUnusable = (address: string, why: string) => void;

/**
 * Reads endpoints from the API.
 *
 * An endpoint that is this pod itself is dialled at its application, without TLS: what the proxy sends to its own pod is
 * not led through the proxy again, so that nobody would take TLS or a transport header there.
 *
 * What is said of an endpoint and not understood makes it unusable. Above all it is never spoken to in plaintext when it
 * has an identity that cannot be verified.
 */
export class EndpointReader {
  private readonly ownAddresses: ReadonlySet<string>;
  private readonly onUnusable: OnUnusable;

  /** `ownAddresses`: those of this pod that are led to its proxy, as `formatIp` writes them. */
  constructor(ownAddresses: ReadonlySet<string>, onUnusable: OnUnusable) {
    this.ownAddresses = ownAddresses;
    this.onUnusable = onUnusable;
  }

  /** Undefined when the endpoint cannot be used. `labels` are those of its set. */
  read(weighted: WeightedAddr, labels: Readonly<Record<string, string>>): EndpointInfo | undefined {
    const at = addressFromApi(weighted.addr);
    if (at === undefined) return undefined;
    const common = { weight: weighted.weight, labels: { ...labels, ...weighted.metricLabels } };
    if (this.ownAddresses.has(at.address)) return { ...at, ...common, ...loopback };
    try {
      const identity = identityFromApi(weighted.tlsIdentity);
      const { protocol, opaqueTransport } = weighted.protocolHint ?? {};
      return {
        ...at,
        ...common,
        identity,
        noTlsReason: identity === undefined ? 'not_provided_by_service_discovery' : undefined,
        http2: protocol?.case === 'h2',
        opaqueTransportPort: opaqueTransport?.inboundPort || undefined,
        keepAlive: keepAliveFromApi(weighted.http2),
        authorityOverride: authorityFromApi(weighted.authorityOverride?.authorityOverride),
      };
    } catch (error) {
      if (!(error instanceof UnusableEndpoint)) throw error;
      this.onUnusable(formatHostPort(at.address, at.port), error.message);
      return undefined;
    }
  }
}

class UnusableEndpoint extends Error {}

const loopback = {
  identity: undefined,
  noTlsReason: 'loopback',
  http2: false,
  opaqueTransportPort: undefined,
  keepAlive: undefined,
  authorityOverride: undefined,
} as const;

/** Names that can be compared with those of a certificate, and asked for in a ClientHello. */
const dnsName = /^(?=.{1,253}$)[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)*$/i;
const spiffeId = /^spiffe:\/\/[a-z0-9._-]+(\/[a-z0-9._-]+)*$/i;
const maxSpiffeIdLength = 2048;

function identityFromApi(identity: TlsIdentity | undefined): EndpointInfo['identity'] {
  if (identity === undefined) return undefined;
  const { strategy } = identity;
  const serverName = identity.serverName?.name ?? '';
  if (serverName !== '' && !dnsName.test(serverName)) throw new UnusableEndpoint('its server name is not a DNS name');
  if (strategy.case === 'dnsLikeIdentity') {
    const { name } = strategy.value;
    if (!dnsName.test(name)) throw new UnusableEndpoint('its identity is not a DNS name');
    return { name, serverName: serverName || name };
  }
  if (strategy.case === 'uriLikeIdentity') {
    const { uri } = strategy.value;
    if (uri.length > maxSpiffeIdLength || !spiffeId.test(uri)) {
      throw new UnusableEndpoint('its identity is not a SPIFFE id');
    }
    if (serverName === '') throw new UnusableEndpoint('it has a SPIFFE id, and no server name to ask for');
    return { name: uri, serverName };
  }
  throw new UnusableEndpoint('its identity is of a kind that this proxy does not know');
}

/** Shorter times would be load, not a sign of life. */
const minKeepAliveMs = 100;

function keepAliveFromApi(params: Http2ClientParams | undefined): EndpointInfo['keepAlive'] {
  const { interval, timeout } = params?.keepAlive ?? {};
  if (interval === undefined || timeout === undefined) return undefined;
  const [intervalMs, timeoutMs] = [durationMs(interval), durationMs(timeout)];
  if (intervalMs <= 0 || timeoutMs <= 0) return undefined;
  return { intervalMs: Math.max(minKeepAliveMs, intervalMs), timeoutMs: Math.max(minKeepAliveMs, timeoutMs) };
}

/** It is written into requests: nothing but a host and a port may stand in it. */
function authorityFromApi(authority: string | undefined): string | undefined {
  if (authority === undefined || authority === '') return undefined;
  if (authority.length > 300 || !/^([\w.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(authority)) {
    throw new UnusableEndpoint('the authority that requests to it are to carry is not one');
  }
  return authority;
}

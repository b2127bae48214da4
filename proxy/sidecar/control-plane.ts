import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { ControlAddress, ProxyConfig } from '../config.ts';
import { ControlClient, type ControlTls } from '../control/control-client.ts';
import { type CallCounts, cancelled } from '../control/grpc/grpc-call.ts';
import { IdentityClient } from '../identity/identity-client.ts';
import { makeTlsContext, type TlsContext } from '../net/tls.ts';
import type { EventLoopTurn } from '../net/turn.ts';
import { classify, clientCancelled } from '../telemetry/classify.ts';
import type { Labels } from '../telemetry/labels.ts';
import type { Log } from '../telemetry/log.ts';
import type { IdentityStatus } from '../telemetry/process-metrics.ts';
import type { MetricsRegistry } from '../telemetry/registry.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { formatHostPort } from '../wire/ip-network.ts';

export interface ControlPlaneOptions {
  config: ProxyConfig;
  clock: Clock;
  wallClockMs: () => number;
  log: Log;
  turn: EventLoopTurn;
  fields: FieldTable;
  registry: MetricsRegistry;
  /** Told of each certificate: the first one lets the others be asked. */
  onIdentity: () => void;
}

/** The control plane as one proxy meets it: its components, and what this proxy is to them and to its peers. */
export class ControlPlane {
  readonly destination: ControlClient;
  readonly policy: ControlClient | undefined;
  /** What proves who this proxy is; undefined before the first certificate, and without identity. */
  tls: TlsContext | undefined = undefined;
  /** A client of a server beside the control plane, which may not want to be asked for signs of life. */
  readonly clientOf: (address: ControlAddress) => ControlClient;
  private readonly identity: IdentityClient | undefined;
  private readonly identityControl: ControlClient | undefined;

  constructor({ config, clock, wallClockMs, log, turn, fields, registry, onIdentity }: ControlPlaneOptions) {
    const material = (): ControlTls => ({
      trustAnchors: config.identity?.trustAnchors ?? '',
      key: this.identity?.current?.key,
      certificateChain: this.identity?.current?.chain,
    });
    const control = (address: ControlAddress, from = material): ControlClient =>
      new ControlClient({ address, material: from, turn, fields, clock, counts: countsOf(address, registry) });
    this.clientOf = (address) => new ControlClient({ address, material, turn, fields, clock, keepAlive: false });
    this.destination = control(config.destination.address);
    this.policy = config.policy.address && control(config.policy.address);
    if (config.identity === undefined) return;
    const { identity } = config;
    const anchorsOnly = { trustAnchors: identity.trustAnchors, key: undefined, certificateChain: undefined };
    this.identityControl = control(identity.address, () => anchorsOnly);
    this.identity = new IdentityClient({
      config: identity,
      control: this.identityControl,
      timers: clock,
      nowMs: wallClockMs,
      random: clock.random,
      log,
      readToken: () => readFile(identity.tokenFile),
      onCertificate: ({ key, chain }) => {
        this.tls = makeTlsContext({ key, certificateChain: chain, trustAnchors: identity.trustAnchors });
        onIdentity();
      },
    });
  }

  /** Asks for a certificate. */
  start(): void {
    this.identity?.start();
  }

  close(): void {
    this.identity?.close();
    this.identityControl?.close();
    this.destination.close();
    this.policy?.close();
  }

  /** For metrics. */
  get certificate(): IdentityStatus {
    const { identity } = this;
    return {
      expiresMs: identity?.current?.notAfterMs,
      refreshedMs: identity?.refreshedMs ?? 0,
      refreshes: identity?.refreshes ?? 0,
      failures: identity?.failures ?? 0,
    };
  }
}

/** The calls to one component: `control_*`. */
function countsOf({ host, port, serverName }: ControlAddress, registry: MetricsRegistry): CallCounts {
  const isPlain = serverName === undefined;
  const tls: Labels = isPlain
    ? { tls: 'no_identity', no_tls_reason: 'loopback' }
    : { tls: 'true', server_id: serverName };
  const metrics = registry.controlMetrics({ addr: formatHostPort(host, port), ...tls });
  return {
    request: () => metrics.request(),
    response: (nowMs, status, code, error, latencyMs) => {
      const told = error === cancelled ? clientCancelled : error;
      metrics.response(nowMs, status, classify(status, code, told), code, told, latencyMs);
    },
  };
}

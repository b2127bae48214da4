import { generateKeyPairSync } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CertifyRequestSchema, Identity } from '../../api/gen/identity_pb.js';
import type { TimerHandle, Timers } from '../clock.ts';
import type { ControlClient } from '../control/control-client.ts';
import { GrpcError } from '../control/grpc/grpc-channel.ts';
import { Status } from '../control/grpc/status.ts';
import { BackOff } from '../resilience/back-off.ts';
import type { Log } from '../telemetry/log.ts';
import { type Certificate, certificatePem, checkLeaf, renewalDelayMs } from './certificate.ts';
import { certificateSigningRequest } from './csr.ts';
import type { IdentityConfig } from './identity-config.ts';

export interface IdentityClientOptions {
  config: IdentityConfig;
  control: ControlClient;
  timers: Timers;
  nowMs: () => number;
  random: () => number;
  log: Log;
  /** Reads the token file; it is read for each request, since the kubelet renews it. */
  readToken: () => Promise<Uint8Array>;
  /** A first or renewed certificate is in use from now on. */
  onCertificate: (certificate: Certificate) => void;
}

const certifyTimeoutMs = 10_000;

/**
 * Keeps this workload's certificate: makes its key, has it certified at start, and again at 70 % of each lifetime. The
 * key never leaves the process.
 */
export class IdentityClient {
  private readonly options: IdentityClientOptions;
  private readonly backOff: BackOff;
  /** Where too many ask at once: longer, and spread wider, so that they do not come back at once either. */
  private readonly overloadBackOff: BackOff;
  private readonly keyPem: string;
  private readonly request: Uint8Array;
  private timer: TimerHandle | undefined = undefined;
  private closed = false;
  current: Certificate | undefined = undefined;
  refreshes = 0;
  failures = 0;
  refreshedMs = 0;

  constructor(options: IdentityClientOptions) {
    this.options = options;
    this.backOff = new BackOff(100, 10_000, 0.5, options.random);
    this.overloadBackOff = new BackOff(1000, 10_000, 2, options.random);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    this.request = certificateSigningRequest(options.config.localName, privateKey, publicKey);
  }

  start(): void {
    void this.refresh();
  }

  close(): void {
    this.closed = true;
    if (this.timer !== undefined) this.options.timers.cancel(this.timer);
  }

  private async refresh(): Promise<void> {
    const { config, nowMs, log } = this.options;
    let delayMs: number;
    try {
      const certificate = await this.certify();
      if (this.closed) return;
      this.current = certificate;
      this.refreshes++;
      this.refreshedMs = nowMs();
      this.backOff.reset();
      this.overloadBackOff.reset();
      delayMs = renewalDelayMs(nowMs(), certificate.notAfterMs, config.minRefreshMs, config.maxRefreshMs);
      log.info('certified', { identity: config.localName, until: new Date(certificate.notAfterMs).toISOString() });
      this.options.onCertificate(certificate);
    } catch (error) {
      if (this.closed) return;
      this.failures++;
      const overloaded = error instanceof GrpcError && error.code === Status.resourceExhausted;
      delayMs = (overloaded ? this.overloadBackOff : this.backOff).delayMs();
      log.warn('certification failed', {
        identity: config.localName,
        error: error instanceof Error ? error.message : String(error),
        retryMs: Math.round(delayMs),
      });
    }
    this.timer = this.options.timers.after(delayMs, () => void this.refresh());
  }

  private async certify(): Promise<Certificate> {
    const { config, control, nowMs } = this.options;
    const token = await this.options.readToken();
    const request = create(CertifyRequestSchema, {
      identity: config.localName,
      token,
      certificateSigningRequest: this.request,
    });
    const response = await control.channel().unary(Identity.method.certify, request, certifyTimeoutMs);
    const { leafCertificate, intermediateCertificates, validUntil } = response;
    checkLeaf(leafCertificate, intermediateCertificates, config.trustAnchors, config.localName, nowMs());
    if (validUntil === undefined) throw new Error('the response does not say how long the certificate is valid');
    return {
      key: this.keyPem,
      chain: [leafCertificate, ...intermediateCertificates].map(certificatePem).join(''),
      notAfterMs: timestampMs(validUntil),
    };
  }
}

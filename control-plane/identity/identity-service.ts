import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { Identity } from '../../api/gen/identity_pb.js';
import { type ServedService, serve } from '../serving/grpc-server.ts';
import { Code, GrpcError } from '../serving/grpc-status.ts';
import { BoundedWork, type BoundedWorkOptions, OverloadError } from './bounded-work.ts';
import { CertifyError, type CertifyOptions, certify } from './certify.ts';

/**
 * Certificates made at a time, which is also how many tokens the API server is asked about at a time, and how many
 * requests may wait. A proxy waits for 10 s in all.
 */
const defaultLimits: BoundedWorkOptions = { concurrency: 50, maxWaiting: 2000, maxWaitMs: 3000, maxWorkMs: 5000 };

/**
 * The gRPC service of the identity component: counts and logs each certificate issued or refused. Requests beyond
 * `limits` are told RESOURCE_EXHAUSTED, which says that they may come back, later.
 */
export function identityService(
  options: CertifyOptions,
  log: Logger,
  registry: Registry,
  limits: BoundedWorkOptions = defaultLimits,
): ServedService {
  const work = new BoundedWork(limits);
  const issued = new Counter({
    name: 'identity_leaf_certificates_issued_total',
    help: 'Certificates issued to workloads.',
    registers: [registry],
  });
  const refused = new Counter({
    name: 'identity_leaf_certificates_refused_total',
    help: 'Requests for certificates that were refused.',
    labelNames: ['reason'] as const,
    registers: [registry],
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge('identity_certifications_in_flight', 'Requests that a certificate is being made for.', () => work.running);
  gauge('identity_certifications_waiting', 'Requests that wait for others before them.', () => work.waiting);
  gauge('issuer_cert_ttl_seconds', 'Seconds until the issuer certificate ends.', () => {
    const end = options.issuer()?.notAfter.getTime();
    return end === undefined ? 0 : (end - options.nowMs()) / 1000;
  });
  return serve(Identity, {
    async certify(request, client) {
      const { identity } = request;
      try {
        const response = await work.run(() => certify(request, options));
        issued.inc();
        log.info({ identity, client }, 'certificate issued');
        return response;
      } catch (error) {
        const known = refusal(error);
        refused.inc({ reason: known.reason });
        const cause = known === error ? undefined : (error as Error).message;
        log.warn({ identity, client, reason: known.reason, cause }, `certificate refused: ${known.message}`);
        throw new GrpcError(known.code, known.message);
      }
    },
  });
}

function refusal(error: unknown): CertifyError {
  if (error instanceof CertifyError) return error;
  if (error instanceof OverloadError) {
    return new CertifyError(
      Code.resourceExhausted,
      'overloaded',
      `too many certificates are asked for, come back later: ${error.message}`,
    );
  }
  return new CertifyError(Code.internal, 'internal', 'signing failed');
}

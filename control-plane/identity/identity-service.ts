import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { Identity } from '../../api/gen/identity_pb.js';
import { grpcHandlers, type ServiceHandlers } from '../../api/grpc.ts';
import { CertifyError, type CertifyOptions, certify } from './certify.ts';

/** The gRPC service of the identity component: counts and logs each certificate issued or refused. */
export function identityService(
  options: CertifyOptions,
  log: Logger,
  registry: Registry,
): ServiceHandlers<typeof Identity.method> {
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
  new Gauge({
    name: 'issuer_cert_ttl_seconds',
    help: 'Seconds until the issuer certificate ends.',
    registers: [registry],
    collect() {
      const end = options.issuer()?.notAfter.getTime();
      this.set(end === undefined ? 0 : (end - options.nowMs()) / 1000);
    },
  });
  return grpcHandlers(Identity, {
    certify(call, reply) {
      const { identity } = call.request;
      certify(call.request, options).then(
        (response) => {
          issued.inc();
          log.info({ identity, client: call.getPeer() }, 'certificate issued');
          reply(null, response);
        },
        (error: unknown) => {
          const known = error instanceof CertifyError ? error : new CertifyError(13, 'internal', 'signing failed');
          refused.inc({ reason: known.reason });
          const cause = known === error ? undefined : (error as Error).message;
          log.warn(
            { identity, client: call.getPeer(), reason: known.reason, cause },
            `certificate refused: ${known.message}`,
          );
          reply({ code: known.code, details: known.message });
        },
      );
    },
  });
}

import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { Identity } from '../../api/gen/identity_pb.js';
import { type ServedService, serve } from '../serving/grpc-server.ts';
import { Code, GrpcError } from '../serving/grpc-status.ts';
import { CertifyError, type CertifyOptions, certify } from './certify.ts';

/** The gRPC service of the identity component: counts and logs each certificate issued or refused. */
export function identityService(options: CertifyOptions, log: Logger, registry: Registry): ServedService {
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
  return serve(Identity, {
    async certify(request, client) {
      const { identity } = request;
      try {
        const response = await certify(request, options);
        issued.inc();
        log.info({ identity, client }, 'certificate issued');
        return response;
      } catch (error) {
        const known =
          error instanceof CertifyError ? error : new CertifyError(Code.internal, 'internal', 'signing failed');
        refused.inc({ reason: known.reason });
        const cause = known === error ? undefined : (error as Error).message;
        log.warn({ identity, client, reason: known.reason, cause }, `certificate refused: ${known.message}`);
        throw new GrpcError(known.code, known.message);
      }
    },
  });
}

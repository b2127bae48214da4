import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { type CertifyRequest, type CertifyResponse, CertifyResponseSchema } from '../../api/gen/identity_pb.js';
import { identityAudience, identityName } from '../../lib/inject/index.ts';
import type { Issuer } from './issuer.ts';
import { type KeySet, TokenError } from './key-set.ts';
import { checkSigningRequest, SigningRequestError } from './signing-request.ts';

export interface CertifyOptions {
  meshNamespace: string;
  trustDomain: string;
  issuanceLifetimeMs: number;
  clockSkewMs: number;
  nowMs: () => number;
  /** Undefined while there is no valid one. */
  issuer: () => Issuer | undefined;
  keySet: () => KeySet | undefined;
}

/** A refused request, with its gRPC code and the reason that metrics count it by. */
export class CertifyError extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/**
 * Signs a certificate for the workload whose token comes with the request, or throws a CertifyError. The order of the
 * checks and their codes are those of linkerd2 pkg/identity/service.go.
 */
export async function certify(request: CertifyRequest, options: CertifyOptions): Promise<CertifyResponse> {
  const issuer = options.issuer();
  const keySet = options.keySet();
  if (issuer === undefined || keySet === undefined) {
    throw new CertifyError(status.UNAVAILABLE, 'not ready', 'the issuer or the key set is not there yet');
  }
  const { identity, token, certificateSigningRequest } = request;
  const malformed = (message: string): CertifyError => new CertifyError(status.INVALID_ARGUMENT, 'malformed', message);
  if (identity === '') throw malformed('the request names no identity');
  if (token.length === 0) throw malformed('the request carries no token');
  if (certificateSigningRequest.length === 0) throw malformed('the request carries no signing request');

  const nowMs = options.nowMs();
  const key = await checkSigningRequest(certificateSigningRequest, identity).catch((error: unknown) => {
    if (!(error instanceof SigningRequestError)) throw error;
    if (error.reason === 'malformed') throw malformed(error.message);
    throw new CertifyError(status.FAILED_PRECONDITION, 'signing request', error.message);
  });
  const owner = ownerOf(Buffer.from(token).toString('utf8'), keySet, options, nowMs);
  if (owner !== identity) {
    throw new CertifyError(
      status.FAILED_PRECONDITION,
      'other identity',
      `the token is that of ${owner}, not of ${identity}`,
    );
  }
  const { certificate, intermediates, notAfter } = await issuer.sign(
    identity,
    key,
    nowMs,
    options.issuanceLifetimeMs,
    options.clockSkewMs,
  );
  return create(CertifyResponseSchema, {
    leafCertificate: certificate,
    intermediateCertificates: [...intermediates],
    validUntil: timestampFromMs(notAfter.getTime()),
  });
}

function ownerOf(token: string, keySet: KeySet, options: CertifyOptions, nowMs: number): string {
  try {
    const { namespace, name } = keySet.authenticate(token, identityAudience, nowMs, options.clockSkewMs);
    return identityName(name, namespace, options);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    const code = error.reason === 'malformed' ? status.INVALID_ARGUMENT : status.FAILED_PRECONDITION;
    throw new CertifyError(code, error.reason === 'malformed' ? 'malformed' : 'token', error.message);
  }
}

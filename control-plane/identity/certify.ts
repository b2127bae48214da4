import type { KeyObject } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type CertifyRequest, type CertifyResponse, CertifyResponseSchema } from '../../api/gen/identity_pb.js';
import { identityName } from '../../lib/contract/names.ts';
import { Code } from '../serving/grpc-status.ts';
import type { Issuer } from './issuer.ts';
import { checkSigningRequest, SigningRequestError } from './signing-request.ts';
import { type ServiceAccount, type TokenAuthenticator, TokenError, type TokenProblem } from './token-authenticator.ts';

export interface CertifyOptions {
  meshNamespace: string;
  trustDomain: string;
  issuanceLifetimeMs: number;
  clockSkewMs: number;
  nowMs: () => number;
  /** Undefined while there is no valid one. */
  issuer: () => Issuer | undefined;
  tokens: TokenAuthenticator;
  /** Told of each certificate that was issued. */
  onIssued?: (account: ServiceAccount) => void;
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
 * Signs a certificate for the workload whose token comes with the request, or throws a CertifyError. The codes are those
 * of linkerd2 pkg/identity/service.go. The token comes before the signing request: nobody without one can make this
 * component verify signatures.
 */
export async function certify(request: CertifyRequest, options: CertifyOptions): Promise<CertifyResponse> {
  const issuer = options.issuer();
  if (issuer === undefined || !options.tokens.ready) {
    throw new CertifyError(Code.unavailable, 'not ready', 'the issuer or the key set is not there yet');
  }
  if (issuer.notAfter.getTime() <= options.nowMs()) {
    throw new CertifyError(Code.unavailable, 'not ready', `the issuer ended at ${issuer.notAfter.toISOString()}`);
  }
  const { identity, token, certificateSigningRequest } = request;
  if (identity === '') throw malformed('the request names no identity');
  if (token.length === 0) throw malformed('the request carries no token');
  if (certificateSigningRequest.length === 0) throw malformed('the request carries no signing request');

  const account = await accountOf(Buffer.from(token).toString('utf8'), options.tokens);
  const owner = identityName(account.name, account.namespace, options);
  if (owner !== identity) {
    throw new CertifyError(
      Code.failedPrecondition,
      'other identity',
      `the token is that of ${owner}, not of ${identity}`,
    );
  }
  const key = keyOf(certificateSigningRequest, identity);
  const { issuanceLifetimeMs, clockSkewMs } = options;
  const { certificate, intermediates, notAfter } = issuer.sign(
    identity,
    key,
    options.nowMs(),
    issuanceLifetimeMs,
    clockSkewMs,
  );
  options.onIssued?.(account);
  return create(CertifyResponseSchema, {
    leafCertificate: certificate,
    intermediateCertificates: [...intermediates],
    validUntil: timestampFromMs(notAfter.getTime()),
  });
}

function keyOf(signingRequest: Uint8Array, identity: string): KeyObject {
  try {
    return checkSigningRequest(signingRequest, identity);
  } catch (error) {
    if (!(error instanceof SigningRequestError)) throw error;
    if (error.reason === 'malformed') throw malformed(error.message);
    throw new CertifyError(Code.failedPrecondition, 'signing request', error.message);
  }
}

function malformed(message: string): CertifyError {
  return new CertifyError(Code.invalidArgument, 'malformed', message);
}

const tokenCodes: Record<TokenProblem, { readonly code: number; readonly reason: string }> = {
  malformed: { code: Code.invalidArgument, reason: 'malformed' },
  'not authenticated': { code: Code.failedPrecondition, reason: 'token' },
  'review failed': { code: Code.internal, reason: 'review failed' },
};

async function accountOf(token: string, tokens: TokenAuthenticator): Promise<ServiceAccount> {
  try {
    return await tokens.authenticate(token);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    const { code, reason } = tokenCodes[error.reason];
    throw new CertifyError(code, reason, error.message);
  }
}

import 'reflect-metadata';
import { Pkcs10CertificateRequest, type PublicKey, SubjectAlternativeNameExtension } from '@peculiar/x509';

/** A request that must not be signed; `reason` says which rule it breaks. */
export class SigningRequestError extends Error {
  readonly reason: 'malformed' | 'not allowed';

  constructor(reason: 'malformed' | 'not allowed', message: string) {
    super(message);
    this.reason = reason;
  }
}

const subjectAltName = '2.5.29.17';
const maxRequestBytes = 16 * 1024;

/**
 * Reads a PKCS#10 request and checks that it asks for `identity` and for nothing else (linkerd2 pkg/identity/service.go):
 * a P-256 key that signed it, one DNS name, no other kind of name, and a common name that is empty or the same. Returns
 * the key.
 */
export async function checkSigningRequest(der: Uint8Array, identity: string): Promise<PublicKey> {
  if (der.length > maxRequestBytes) throw new SigningRequestError('malformed', 'the signing request is too long');
  const request = await parse(der);
  const { algorithm } = request.publicKey;
  if (algorithm.name !== 'ECDSA' || (algorithm as EcKeyAlgorithm).namedCurve !== 'P-256') {
    throw new SigningRequestError('not allowed', `the key is ${algorithm.name}; it must be ECDSA P-256`);
  }
  const names = request.extensions.flatMap((extension) =>
    extension.type === subjectAltName ? new SubjectAlternativeNameExtension(extension.rawData).names.items : [],
  );
  const other = names.find(({ type }) => type !== 'dns');
  if (other !== undefined)
    throw new SigningRequestError('not allowed', `a ${other.type} name is not allowed: ${other.value}`);
  if (names.length !== 1 || names[0].value !== identity) {
    const asked = names.map(({ value }) => value).join(', ') || 'none';
    throw new SigningRequestError('not allowed', `the DNS names are ${asked}; they must be ${identity} alone`);
  }
  const commonNames = request.subjectName.getField('CN');
  if (commonNames.some((name) => name !== '' && name !== identity)) {
    throw new SigningRequestError('not allowed', `the common name is ${commonNames.join(', ')}, not ${identity}`);
  }
  return request.publicKey;
}

async function parse(der: Uint8Array): Promise<Pkcs10CertificateRequest> {
  let request: Pkcs10CertificateRequest;
  try {
    request = new Pkcs10CertificateRequest(Buffer.from(der));
    if (await request.verify()) return request;
  } catch (error) {
    throw new SigningRequestError('malformed', `the signing request cannot be read: ${(error as Error).message}`);
  }
  throw new SigningRequestError('malformed', 'the signing request is not signed by its own key');
}

interface EcKeyAlgorithm {
  readonly namedCurve: string;
}

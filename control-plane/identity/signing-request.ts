import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { extensionValues, oid } from '../certificates/certificate-parts.ts';
import { DerError, type Element, Fields, numbered, readElement, readElements, tag } from '../certificates/der.ts';

/** A request that must not be signed; `reason` says which rule it breaks. */
export class SigningRequestError extends Error {
  readonly reason: 'malformed' | 'not allowed';

  constructor(reason: 'malformed' | 'not allowed', message: string) {
    super(message);
    this.reason = reason;
  }
}

const maxRequestBytes = 16 * 1024;
const digests: Readonly<Record<string, string>> = {
  [oid.ecdsaWithSha256]: 'sha256',
  [oid.ecdsaWithSha384]: 'sha384',
  [oid.ecdsaWithSha512]: 'sha512',
};

/**
 * Reads a PKCS#10 request (RFC 2986) and checks that it asks for `identity` and for nothing else (linkerd2
 * pkg/identity/service.go): a P-256 key that signed it, one DNS name, no other kind of name, and a common name that is
 * empty or the same. Returns the key. Throws a SigningRequestError.
 */
export function checkSigningRequest(der: Uint8Array, identity: string): KeyObject {
  if (der.length > maxRequestBytes) throw new SigningRequestError('malformed', 'the signing request is too long');
  const { key, commonNames, names } = parse(der);
  const other = names.find(({ tag }) => tag !== dnsName);
  if (other !== undefined) {
    throw new SigningRequestError('not allowed', `a name of kind ${other.tag & 0x1f} is not allowed: it must be DNS`);
  }
  const asked = names.map(({ content }) => content.toString('latin1'));
  if (asked.length !== 1 || asked[0] !== identity) {
    const told = asked.join(', ').slice(0, 500) || 'none';
    throw new SigningRequestError('not allowed', `the DNS names are ${told}; they must be ${identity} alone`);
  }
  const foreign = commonNames.find((name) => name.content.length > 0 && textOf(name) !== identity);
  if (foreign !== undefined) {
    const told = foreign.content.toString('latin1').slice(0, 500);
    throw new SigningRequestError('not allowed', `the common name is ${told}, not ${identity}`);
  }
  return key;
}

const dnsName = 0x82;

interface Request {
  readonly key: KeyObject;
  readonly commonNames: readonly Element[];
  readonly names: readonly Element[];
}

function parse(der: Uint8Array): Request {
  try {
    const request = new Fields(readElement(der));
    const signed = request.take(tag.sequence);
    const algorithm = new Fields(request.take(tag.sequence)).take(tag.objectIdentifier).content.toString('hex');
    const signature = request.take(tag.bitString).content.subarray(1);
    const info = new Fields(signed);
    info.take(tag.integer);
    const subject = info.take(tag.sequence);
    const key = publicKey(info.take(tag.sequence));
    const digest = digests[algorithm];
    if (digest === undefined || !verify(digest, signed.raw, key, signature)) {
      throw new SigningRequestError('malformed', 'the signing request is not signed by its own key');
    }
    return { key, commonNames: commonNamesOf(subject), names: alternativeNames(info.optional(numbered(0))) };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new SigningRequestError('malformed', `the signing request cannot be read: ${error.message}`);
  }
}

function publicKey(info: Element): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: info.raw, format: 'der', type: 'spki' });
  } catch (error) {
    throw new DerError(`the key: ${(error as Error).message}`);
  }
  const kind = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType;
  if (kind === 'prime256v1') return key;
  throw new SigningRequestError('not allowed', `the key is ${kind}; it must be ECDSA P-256`);
}

function commonNamesOf(subject: Element): Element[] {
  return readElements(subject.content).flatMap((part) =>
    readElements(part.content).flatMap((attribute) => {
      const fields = new Fields(attribute);
      return fields.take(tag.objectIdentifier).content.toString('hex') === oid.commonName ? [fields.take()] : [];
    }),
  );
}

/** Those of all extensions that are asked for, however often. */
function alternativeNames(attributes: Element | undefined): Element[] {
  if (attributes === undefined) return [];
  return readElements(attributes.content).flatMap((attribute) => {
    const fields = new Fields(attribute);
    if (fields.take(tag.objectIdentifier).content.toString('hex') !== oid.extensionRequest) return [];
    return readElements(fields.take(tag.set).content).flatMap(({ raw }) =>
      extensionValues(raw, oid.subjectAltName).flatMap((value) =>
        readElements(readElement(value, tag.sequence).content),
      ),
    );
  });
}

/** Undefined for a text in another alphabet, which no identity is written in. */
function textOf({ tag: kind, content }: Element): string | undefined {
  const known: readonly number[] = [tag.utf8String, tag.printableString, tag.ia5String];
  return known.includes(kind) ? content.toString('utf8') : undefined;
}

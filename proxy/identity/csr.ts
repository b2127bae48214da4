import { type KeyObject, sign } from 'node:crypto';

/** A DER element: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), body]);
}

const integer = 0x02;
const bitString = 0x03;
const octetString = 0x04;
const objectIdentifier = 0x06;
const sequence = 0x30;
const set = 0x31;
const attributes = 0xa0;
const dnsName = 0x82;

const extensionRequest = der(objectIdentifier, Buffer.from('2a864886f70d01090e', 'hex')); // 1.2.840.113549.1.9.14
const subjectAltName = der(objectIdentifier, Buffer.from('551d11', 'hex')); // 2.5.29.17
const ecdsaWithSha256 = der(objectIdentifier, Buffer.from('2a8648ce3d040302', 'hex')); // 1.2.840.10045.4.3.2

/**
 * A certificate signing request in DER (PKCS#10, RFC 2986) for one DNS name, signed with a P-256 key. The subject is
 * empty: a common name holds 64 characters at most (RFC 5280 appendix A.1), which identities exceed.
 */
export function certificateSigningRequest(name: string, privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  const names = der(sequence, der(dnsName, Buffer.from(name, 'ascii')));
  const extension = der(sequence, subjectAltName, der(octetString, names));
  const request = der(sequence, extensionRequest, der(set, der(sequence, extension)));
  const info = der(
    sequence,
    der(integer, Buffer.from([0])),
    der(sequence),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(attributes, request),
  );
  const signature = sign('sha256', info, privateKey);
  return der(sequence, info, der(sequence, ecdsaWithSha256), der(bitString, Buffer.from([0]), signature));
}

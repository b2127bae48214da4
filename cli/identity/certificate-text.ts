import { createHash, X509Certificate } from 'node:crypto';

/** What a sidecar shows of itself. */
export interface ShownCertificate {
  readonly namespace: string;
  readonly pod: string;
  /** The name that other sidecars ask for. */
  readonly identity: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Seconds that it still holds; below 0 when it has ended. */
  readonly secondsLeft: number;
  readonly names: readonly string[];
  /** `ec prime256v1`, `rsa 2048`. */
  readonly key: string;
  readonly sha256: string;
}

/** Reads the certificate that a pod has shown, in DER. Throws when it is none. */
export function readCertificate(
  der: Uint8Array,
  { namespace, pod, identity }: Pick<ShownCertificate, 'namespace' | 'pod' | 'identity'>,
  nowMs: number,
): ShownCertificate {
  const certificate = new X509Certificate(der);
  const { publicKey, validFromDate, validToDate, subject, issuer, serialNumber, subjectAltName } = certificate;
  const { namedCurve, modulusLength } = publicKey.asymmetricKeyDetails ?? {};
  return {
    ...{ namespace, pod, identity, serialNumber },
    subject: oneLine(subject),
    issuer: oneLine(issuer),
    notBefore: validFromDate.toISOString(),
    notAfter: validToDate.toISOString(),
    secondsLeft: Math.floor((validToDate.getTime() - nowMs) / 1000),
    names: (subjectAltName ?? '').split(', ').filter((name) => name !== ''),
    key: [publicKey.asymmetricKeyType, namedCurve ?? modulusLength].filter((part) => part !== undefined).join(' '),
    sha256: createHash('sha256').update(der).digest('hex'),
  };
}

const oneLine = (name: string | undefined): string => (name ?? '').replaceAll('\n', ', ');

/** The lines of `openssl x509 -text` that say who it is, who says so, and for how long. */
export function certificateText(shown: ShownCertificate): string {
  const { namespace, pod, identity, subject, issuer, serialNumber, notBefore, notAfter, names, key, sha256 } = shown;
  return [
    `POD ${namespace}/${pod}`,
    'Certificate:',
    `    Serial Number: ${serialNumber}`,
    `    Issuer: ${issuer}`,
    '    Validity',
    `        Not Before: ${notBefore}`,
    `        Not After : ${notAfter} (${leftText(shown.secondsLeft)})`,
    `    Subject: ${subject}`,
    `    Public Key: ${key}`,
    `    X509v3 Subject Alternative Name: ${names.join(', ')}`,
    `    SHA-256: ${sha256}`,
    ...(isOf(shown) ? [] : [`    warning: it is not that of ${identity}`]),
    '',
  ].join('\n');
}

/** Whether it is of whom was asked for. */
export const isOf = ({ names, identity }: Pick<ShownCertificate, 'names' | 'identity'>): boolean =>
  names.includes(`DNS:${identity}`);

function leftText(seconds: number): string {
  if (seconds < 0) return 'has ended';
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours >= 48 ? `${Math.floor(hours / 24)} days left` : `${hours}h ${minutes}m left`;
}

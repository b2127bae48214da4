import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** Files that the peers prove themselves with to each other: ECDSA P-256, as in the mesh. */
export interface Pki {
  readonly name: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  /** Certificate and key in one file. */
  readonly both: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const lifetimeMs = 86_400_000;

export async function makePki(folder: string): Promise<Pki> {
  const name = 'proxy.bench.test';
  const generate = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const [root, leaf] = await Promise.all([generate(), generate()]);
  const times = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + lifetimeMs) };
  const common = { ...times, signingAlgorithm: algorithm, signingKey: root.privateKey, issuer: 'CN=bench' };
  const serial = (): string => `00${randomBytes(8).toString('hex')}`;
  const authority = await X509CertificateGenerator.create({
    ...common,
    serialNumber: serial(),
    subject: 'CN=bench',
    publicKey: root.publicKey,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign),
    ],
  });
  const certificate = await X509CertificateGenerator.create({
    ...common,
    serialNumber: serial(),
    subject: `CN=${name}`,
    publicKey: leaf.publicKey,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.privateKey)).toString('base64');
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${key.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`;
  const certificatePem = `${certificate.toString('pem')}\n`;
  const write = async (file: string, text: string): Promise<string> => {
    const path = join(folder, file);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  return {
    name,
    authority: await write('ca.crt', `${authority.toString('pem')}\n`),
    certificate: await write('tls.crt', certificatePem),
    key: await write('tls.key', keyPem),
    both: await write('both.pem', certificatePem + keyPem),
  };
}

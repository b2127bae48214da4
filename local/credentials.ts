import { componentName, identityAudience, identityName } from '../lib/contract/names.ts';
import 'reflect-metadata';
import { generateKeyPairSync, type KeyObject, randomBytes, sign, webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** What the identity component of a local mesh works with, as files, and the tokens that prove who a pod is. */
export interface LocalCredentials {
  /** PEM. */
  readonly trustAnchors: string;
  readonly trustAnchorsFile: string;
  readonly issuerCertificateFile: string;
  readonly issuerKeyFile: string;
  readonly keySetFile: string;
  /** A service account token as the API server would issue it. */
  token(namespace: string, serviceAccount: string, nowMs: number): string;
}

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
const anchorLifetimeMs = 30 * dayMs;
export const tokenLifetimeMs = dayMs;

/** Files of the certificate chain and key that prove to be the tap component, which does not run here: the CLI is it. */
export const tapCredentialFiles = { chain: 'tap.crt', key: 'tap.key', trustAnchors: 'ca-bundle.crt' } as const;

/** Makes a trust anchor and an issuer that live as long as a local mesh may run, and writes them into `folder`. */
export async function makeCredentials(
  folder: string,
  trustDomain: string,
  meshNamespace: string,
  nowMs: number,
): Promise<LocalCredentials> {
  const anchor = await makeAuthority(`root.${trustDomain}`, nowMs, undefined);
  const issuer = await makeAuthority(`identity.${meshNamespace}.${trustDomain}`, nowMs, anchor);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keySet = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'local', alg: 'ES256', use: 'sig' }] };

  const write = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const trustAnchors = pem(anchor.certificate);
  const taps = componentName('tap');
  const tap = await makeLeaf(identityName(taps, meshNamespace, { meshNamespace, trustDomain }), nowMs, issuer);
  await write(tapCredentialFiles.chain, pem(tap.certificate) + pem(issuer.certificate));
  await write(tapCredentialFiles.key, await privateKeyPem(tap.keys.privateKey));
  return {
    trustAnchors,
    trustAnchorsFile: await write(tapCredentialFiles.trustAnchors, trustAnchors),
    issuerCertificateFile: await write('issuer.crt', pem(issuer.certificate)),
    issuerKeyFile: await write('issuer.key', await privateKeyPem(issuer.keys.privateKey)),
    keySetFile: await write('jwks.json', JSON.stringify(keySet)),
    token: (namespace, serviceAccount, now) => signToken(privateKey, `${namespace}:${serviceAccount}`, now),
  };
}

interface Authority {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

async function makeAuthority(name: string, nowMs: number, parent: Authority | undefined): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: `00${randomBytes(8).toString('hex')}`,
    subject: `CN=${name}`,
    issuer: parent?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(nowMs - 60_000),
    notAfter: new Date(nowMs + anchorLifetimeMs),
    publicKey: keys.publicKey,
    signingKey: parent?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ecdsa,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
    ],
  });
  return { certificate, keys };
}

async function makeLeaf(name: string, nowMs: number, issuer: Authority): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: `00${randomBytes(8).toString('hex')}`,
    issuer: issuer.certificate.subject,
    notBefore: new Date(nowMs - 60_000),
    notAfter: new Date(nowMs + anchorLifetimeMs),
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: ecdsa,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: name }], true),
    ],
  });
  return { certificate, keys };
}

const pem = (certificate: X509Certificate): string => `${certificate.toString('pem')}\n`;

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const body = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${body.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

function signToken(key: KeyObject, account: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: 'tulle-local',
    sub: `system:serviceaccount:${account}`,
    aud: [identityAudience],
    iat: seconds,
    nbf: seconds,
    exp: seconds + tokenLifetimeMs / 1000,
  };
  const signed = `${encode({ alg: 'ES256', kid: 'local', typ: 'JWT' })}.${encode(claims)}`;
  // JWS signatures are the two numbers side by side (RFC 7518, section 3.4), not DER.
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

import 'reflect-metadata';
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { addresses, nodeAddress } from './network.ts';

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const lifetimeMs = 365 * 86_400_000;

interface KeyAndCertificate {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly certificate: X509Certificate;
}

type AltName = { type: 'dns' | 'ip'; value: string };

/** Makes the keys and certificates of a cluster in `<state>/pki`, and its administrator's `<state>/kubeconfig`. */
export async function makeCertificates(state: string, nodes: readonly string[], apiPort: number): Promise<void> {
  const folder = join(state, 'pki');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
  const authority = async (name: string): Promise<KeyAndCertificate> => {
    const made = await makeCertificate(`CN=${name}`, undefined, []);
    write(`${name}.crt`, `${made.certificate.toString('pem')}\n`);
    write(`${name}.key`, await keyPem(made.keys.privateKey));
    return made;
  };
  const ca = await authority('ca');
  const frontProxyCa = await authority('front-proxy-ca');

  const issue = async (name: string, subject: string, names: AltName[] = [], issuer = ca) => {
    const { certificate, keys } = await makeCertificate(subject, issuer, names);
    const text = { crt: `${certificate.toString('pem')}\n`, key: await keyPem(keys.privateKey) };
    write(`${name}.crt`, text.crt);
    write(`${name}.key`, text.key);
    return text;
  };
  const kubeconfig = ({ crt, key }: { crt: string; key: string }, server: string): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'tulle',
      contexts: [{ name: 'tulle', context: { cluster: 'tulle', user: 'tulle' } }],
      clusters: [
        { name: 'tulle', cluster: { server, 'certificate-authority-data': base64(ca.certificate.toString('pem')) } },
      ],
      users: [{ name: 'tulle', user: { 'client-certificate-data': base64(crt), 'client-key-data': base64(key) } }],
    });

  const dns = (value: string): AltName => ({ type: 'dns', value });
  const ip = (value: string): AltName => ({ type: 'ip', value });
  await issue('apiserver', 'CN=kube-apiserver', [
    ...['127.0.0.1', addresses.controlPlane, addresses.kubernetesService].map(ip),
    ...['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(dns),
    dns('kubernetes.default.svc.cluster.local'),
  ]);
  await issue('apiserver-kubelet', 'O=system:masters,CN=kube-apiserver-kubelet');
  await issue('front-proxy-client', 'CN=front-proxy-client', [], frontProxyCa);
  const inside = `https://${addresses.controlPlane}:6443`;
  for (const name of ['controller-manager', 'scheduler', 'kube-proxy']) {
    const subject = `CN=system:${name === 'kube-proxy' ? name : `kube-${name}`}`;
    write(`${name}.conf`, kubeconfig(await issue(name, subject), inside));
  }
  for (const [index, node] of nodes.entries()) {
    const names = [dns(node), ip(nodeAddress(index + 1))];
    write(`${node}.conf`, kubeconfig(await issue(node, `O=system:nodes,CN=system:node:${node}`, names), inside));
  }
  const admin = await issue('admin', 'O=system:masters,CN=admin');
  writeFileSync(join(state, 'kubeconfig'), kubeconfig(admin, `https://127.0.0.1:${apiPort}`), { mode: 0o600 });

  const serviceAccounts = generateKeyPairSync('rsa', { modulusLength: 2048 });
  write('sa.key', serviceAccounts.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  write('sa.pub', serviceAccounts.publicKey.export({ type: 'spki', format: 'pem' }).toString());
}

/** An authority where there is no `issuer`. */
async function makeCertificate(
  subject: string,
  issuer: KeyAndCertificate | undefined,
  names: AltName[],
): Promise<KeyAndCertificate> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: `00${randomBytes(8).toString('hex')}`,
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + lifetimeMs),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ecdsa,
    extensions: issuer
      ? [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
        ]
      : [
          new BasicConstraintsExtension(true, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        ],
  });
  return { keys, certificate };
}

const keyPem = async (key: webcrypto.CryptoKey): Promise<string> =>
  `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;

const base64 = (text: string): string => Buffer.from(text).toString('base64');

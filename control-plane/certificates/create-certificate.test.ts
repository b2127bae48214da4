import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { connect, createServer, type Server } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { mergeBundles, readCertificates } from './bundle.ts';
import { authorityConstraints, signCertificate, signsCertificates, subjectOf } from './certificate-parts.ts';
import { type CertificateWithKey, createAuthority, createServerCertificate, crossSign } from './create-certificate.ts';
import { der, Fields, readElement, tag } from './der.ts';

const day = 86_400_000;
const nowMs = Math.floor(Date.now() / 1000) * 1000;
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Serves TLS with `shown` and tells what a client that trusts `ca` says of it. */
async function handshake(shown: CertificateWithKey, ca: string, name: string): Promise<string> {
  const server = createServer({ cert: shown.certificate, key: shown.key }, (socket) => socket.end());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: name }, () => {
      socket.destroy();
      resolve('trusted');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

describe('an authority', () => {
  test('signs itself, with a P-256 key of its own, for its lifetime', async () => {
    const made = await createAuthority({ name: 'root.example', lifetimeMs: 10 * day, pathLength: 1, nowMs });
    const certificate = new X509Certificate(made.certificate);
    expect(certificate).toMatchObject({ subject: 'CN=root.example', issuer: 'CN=root.example', ca: true });
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(made.key))).toBe(true);
    expect(createPrivateKey(made.key).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(Date.parse(certificate.validTo)).toBe(nowMs + 10 * day);
    expect(Date.parse(certificate.validFrom)).toBe(nowMs - 300_000);
  });

  test('never has the serial number of another', async () => {
    const make = () => createAuthority({ name: 'a', lifetimeMs: day, nowMs });
    const serials = (await Promise.all([make(), make(), make()])).map(
      ({ certificate }) => new X509Certificate(certificate).serialNumber,
    );
    expect(new Set(serials).size).toBe(3);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  test('does not outlive the one that signs it, and is not signed by one that has ended', async () => {
    const root = await createAuthority({ name: 'root', lifetimeMs: day, nowMs });
    const issuer = await createAuthority({ name: 'issuer', lifetimeMs: 2 * day, nowMs, signedBy: root });
    expect(Date.parse(new X509Certificate(issuer.certificate).validTo)).toBe(nowMs + day);
    await expect(
      createAuthority({ name: 'late', lifetimeMs: day, nowMs: nowMs + 2 * day, signedBy: root }),
    ).rejects.toThrow('the certificate of the signing authority has ended');
  });
});

describe("a server's certificate", () => {
  test('is trusted for each of its names by who trusts its authority, and by nobody else', async () => {
    const root = await createAuthority({ name: 'root', lifetimeMs: day, nowMs });
    const other = await createAuthority({ name: 'root', lifetimeMs: day, nowMs });
    const dnsNames = ['injector.tulle.svc', 'injector.tulle.svc.cluster.local'];
    const made = await createServerCertificate({ dnsNames, lifetimeMs: day, nowMs, signedBy: root });
    for (const name of dnsNames) expect(await handshake(made, root.certificate, name)).toBe('trusted');
    expect(await handshake(made, root.certificate, 'other.svc')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await handshake(made, other.certificate, dnsNames[0])).not.toBe('trusted');
  });

  test('needs a name', async () => {
    const root = await createAuthority({ name: 'root', lifetimeMs: day, nowMs });
    await expect(createServerCertificate({ dnsNames: [], lifetimeMs: day, nowMs, signedBy: root })).rejects.toThrow(
      "'dnsNames' must name at least one name",
    );
  });
});

test('below a cross-signed authority a server is trusted by who knows the old one, the new one, or both', async () => {
  const old = await createAuthority({ name: 'root', lifetimeMs: day, nowMs });
  const next = await createAuthority({ name: 'root', lifetimeMs: 10 * day, nowMs });
  const cross = await crossSign(next.certificate, old, { lifetimeMs: 10 * day, nowMs });
  expect(Date.parse(new X509Certificate(cross).validTo)).toBe(nowMs + day);
  const leaf = await createServerCertificate({ dnsNames: ['a'], lifetimeMs: day, nowMs, signedBy: next });
  const shown = { certificate: leaf.certificate + cross, key: leaf.key };
  for (const trusted of [old.certificate, next.certificate, mergeBundles([old.certificate, next.certificate], nowMs)]) {
    expect(await handshake(shown, trusted, 'a')).toBe('trusted');
  }
});

test('an authority of other tools is named byte for byte in what it signs, and keeps its name when it is signed anew', async () => {
  const part = (id: string, kind: number, text: string) =>
    der(tag.set, der(tag.sequence, der(tag.objectIdentifier, Buffer.from(id, 'hex')), der(kind, Buffer.from(text))));
  const subject = der(tag.sequence, part('55040a', 0x14, 'Example'), part('550403', tag.printableString, 'root'));
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // Not the digest of the key, which a client would make of it itself.
  const keyId = der(tag.octetString, Buffer.from('0102030405', 'hex'));
  const subjectKeyId = der(tag.objectIdentifier, Buffer.from('551d0e', 'hex'));
  const made = signCertificate(
    {
      issuer: subject,
      subject,
      notBeforeMs: nowMs - 1000,
      notAfterMs: nowMs + day,
      publicKey: keys.publicKey,
      extensions: [
        authorityConstraints(undefined),
        signsCertificates,
        der(tag.sequence, subjectKeyId, der(tag.octetString, keyId)),
      ],
    },
    keys.privateKey,
  );
  const theirs = {
    certificate: new X509Certificate(made).toString(),
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
  const issuerOf = (pem: string): Buffer => {
    const fields = new Fields(new Fields(readElement(new X509Certificate(pem).raw)).take());
    for (const each of [0xa0, tag.integer, tag.sequence]) fields.take(each);
    return fields.take(tag.sequence).raw;
  };
  const leaf = await createServerCertificate({ dnsNames: ['a'], lifetimeMs: day, nowMs, signedBy: theirs });
  expect(issuerOf(leaf.certificate)).toEqual(subject);
  expect(await handshake(leaf, theirs.certificate, 'a')).toBe('trusted');
  const other = await createAuthority({ name: 'other', lifetimeMs: day, nowMs });
  const cross = await crossSign(theirs.certificate, other, { lifetimeMs: day, nowMs });
  expect(subjectOf(new X509Certificate(cross).raw)).toEqual(subject);
  expect(await handshake({ certificate: leaf.certificate + cross, key: leaf.key }, other.certificate, 'a')).toBe(
    'trusted',
  );
});

describe('a bundle', () => {
  test('holds each authority once, and none that has ended', async () => {
    const short = await createAuthority({ name: 'short', lifetimeMs: day, nowMs });
    const long = await createAuthority({ name: 'long', lifetimeMs: 3 * day, nowMs });
    const both = mergeBundles([`# mine\n${short.certificate}`, long.certificate, short.certificate], nowMs);
    expect(readCertificates(both).map(({ subject }) => subject)).toEqual(['CN=short', 'CN=long']);
    expect(mergeBundles([both], nowMs + 2 * day)).toBe(long.certificate);
  });

  test('with something that is no certificate is refused', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(() => mergeBundles([broken], nowMs)).toThrow();
  });
});

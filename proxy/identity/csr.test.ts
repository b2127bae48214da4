import { generateKeyPairSync } from 'node:crypto';
import 'reflect-metadata';
import { Pkcs10CertificateRequest, type SubjectAlternativeNameExtension } from '@peculiar/x509';
import { expect, test } from 'vitest';
import { certificateSigningRequest } from './csr.ts';

test.each([
  'web.shop.serviceaccount.identity.tulle.cluster.local',
  `${'a'.repeat(63)}.${'n'.repeat(63)}.${'x'.repeat(63)}.local`,
])('a request for %s is signed by its key and asks for that name alone', async (name) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = new Pkcs10CertificateRequest(certificateSigningRequest(name, privateKey, publicKey));
  expect(await request.verify()).toBe(true);
  expect(request.subject).toBe('');
  const extension = request.getExtension('2.5.29.17') as SubjectAlternativeNameExtension;
  expect(extension.names.items.map(({ type, value }) => [type, value])).toEqual([['dns', name]]);
});

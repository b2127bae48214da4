import { generateKeyPairSync } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { credentials, Metadata } from '@grpc/grpc-js';
import { CertifyRequestSchema, type CertifyResponse, Identity } from '../../../api/gen/identity_pb.js';
import { GrpcClient } from '../../../api/grpc.ts';
import { certificateSigningRequest } from '../../../proxy/identity/csr.ts';

/** Asks an identity component on this machine for a certificate, as a proxy does. */
export async function certify(
  port: number,
  token: string,
  { identity, csr }: { readonly identity: string; readonly csr?: Uint8Array },
): Promise<CertifyResponse> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const message = create(CertifyRequestSchema, {
    identity,
    token: Buffer.from(token),
    certificateSigningRequest: csr ?? certificateSigningRequest(identity, privateKey, publicKey),
  });
  try {
    return await new Promise((resolve, reject) =>
      client.unary(
        Identity.method.certify,
        message,
        { metadata: new Metadata(), deadlineMs: Date.now() + 10_000 },
        (error, response) => (response === undefined ? reject(error) : resolve(response)),
      ),
    );
  } finally {
    client.close();
  }
}

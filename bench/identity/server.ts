/**
 * The identity component in a process of its own, on the files of a folder. Says `{port}` to its parent.
 *
 * Usage: node bench/identity/server.ts FOLDER (forked)
 */
import { join } from 'node:path';
import pino from 'pino';
import { startIdentity } from '../../control-plane/components/identity.ts';
import { Flags } from '../../control-plane/serving/flags.ts';

const folder = process.argv[2];
const file = (name: string): string => join(folder, name);
const component = await startIdentity(
  new Flags({
    addr: '127.0.0.1:0',
    'admin-addr': '127.0.0.1:0',
    'issuer-cert-file': file('issuer.crt'),
    'issuer-key-file': file('issuer.key'),
    'trust-anchors-file': file('anchors.crt'),
    'jwks-file': file('jwks.json'),
  }),
  // A line for each certificate is part of what one costs.
  pino({}, pino.destination({ dest: file('log'), sync: false })),
  Date.now,
  process.env,
);
process.on('disconnect', () => process.exit(0));
process.send!({ port: component.ports[0] });

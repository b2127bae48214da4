import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const version = 'v1.6.3';

/**
 * The folder with the definitions of the Gateway API's standard channel, or why there is none here. They are upstream's
 * and not shipped, so tests take them from the Go module that publishes them.
 */
export const gatewayApi: { readonly folder: string } | { readonly missing: string } = find();

function find(): typeof gatewayApi {
  try {
    const told = execFileSync('go', ['mod', 'download', '-json', `sigs.k8s.io/gateway-api@${version}`], {
      encoding: 'utf8',
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { folder: join((JSON.parse(told) as { Dir: string }).Dir, 'config/crd/standard') };
  } catch (error) {
    const { code, stdout } = error as { code?: string; stdout?: string };
    if (code === 'ENOENT') return { missing: 'no Go, which brings the definitions of the Gateway API' };
    const { Error: why } = stdout ? (JSON.parse(stdout) as { Error?: string }) : {};
    return { missing: `no definitions of the Gateway API: ${why ?? (error as Error).message}` };
  }
}

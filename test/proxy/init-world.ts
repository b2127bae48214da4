/**
 * A pod whose rules `tulle-proxy init` writes, for init.test.ts; see pod-network.ts for what it needs.
 *
 *     unshare -n node init-world.ts '["iptables-nft", ...]'     with the arguments of init
 *     node init-world.ts serve '{"app": [8080]}'                 servers that say their name to whoever connects
 *     node init-world.ts ask '[["10.0.0.2", 8080]]'              what the servers there say
 *
 * Prints what it saw as one line of JSON.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { PodNetwork, router, startRouter } from './pod-network.ts';

const [mode, json] = process.argv.slice(2);
const root = join(import.meta.dirname, '../..');
const bun = join(root, 'node_modules/.bin/bun');
const program = [bun, join(root, 'proxy/main.ts')];
const skippedSource = '10.9.0.1';
const proxyUid = 2102;

type Target = readonly [host: string, port: number, source?: string];

async function serve(servers: Record<string, number[]>): Promise<void> {
  for (const [name, ports] of Object.entries(servers)) {
    for (const port of ports) {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.end(name);
      });
      server.listen(port, '::');
      await once(server, 'listening');
    }
  }
  process.stdout.write('serving\n');
}

function ask([host, port, localAddress]: Target): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress });
    socket.once('data', (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.once('error', (error) => resolve(error.message));
    socket.setTimeout(3000, () => socket.destroy(new Error('nothing came')));
  });
}

const children: ChildProcess[] = [];
async function startServers(command: string[], servers: Record<string, number[]>): Promise<void> {
  const [file, ...args] = [...command, process.execPath, import.meta.filename, 'serve', JSON.stringify(servers)];
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
}

async function world(initArgs: string[]): Promise<object> {
  startRouter(skippedSource);
  const pod = new PodNetwork('pod', { v4: '10.1.0.1', v6: 'fd00:1::1' });
  const askIn = (targets: Target[], uid?: number): string[] => {
    const [file, ...args] = pod.inside([process.execPath, import.meta.filename, 'ask', JSON.stringify(targets)], uid);
    return JSON.parse(execFileSync(file, args, { encoding: 'utf8' }));
  };
  const saved = () =>
    ['iptables-nft', 'ip6tables-nft', 'iptables-legacy', 'ip6tables-legacy'].map((name) =>
      pod
        .run(`${name}-save -t nat 2>/dev/null`)
        .split('\n')
        .filter((line) => line.includes('PROXY_INIT'))
        .join('\n')
        .replaceAll(/\[\d+:\d+\]/g, ''),
    );
  const init = (...more: string[]): string => {
    const [file, ...args] = pod.inside([...program, 'init', ...initArgs, ...more]);
    return execFileSync(file, args, { encoding: 'utf8' });
  };
  const validate = (...args: string[]): number => {
    try {
      pod.run([...program, 'validate', '--timeout', '500ms', ...args].join(' '));
      return 0;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };

  try {
    const validatedBefore = validate();
    const simulated = init('--simulate');
    const afterSimulating = saved();
    pod.run(simulated);
    const bySimulated = saved();
    pod.run('for b in nft legacy; do for v in ip ip6; do $v"tables-$b" -t nat -F; $v"tables-$b" -t nat -X; done; done');
    const firstLog = init();
    const first = saved();
    init();
    const second = saved();
    const validated = [validate(), validate('--listen-addr', '[::]:4140', '--connect-addr', '[fd00::99]:20001')];

    await startServers(pod.inside([]), { inbound: [4143], outbound: [4140], admin: [4191], app: [8080, 9999] });
    await startServers([], { outside: [8080, 4567] });
    const seen: Record<string, unknown> = {};
    for (const version of ['v4', 'v6'] as const) {
      const host = pod.addresses[version];
      const [app, admin, skippedPort] = await Promise.all([8080, 4191, 9999].map((port) => ask([host, port])));
      const [out, skippedOut, loopback, self] = askIn([
        [router[version], 8080],
        [router[version], 4567],
        [version === 'v4' ? '127.0.0.1' : '::1', 8080],
        [host, 8080],
      ]);
      const [byProxy] = askIn([[router[version], 8080]], proxyUid);
      seen[version] = { app, admin, skippedPort, out, skippedOut, loopback, self, byProxy };
    }
    const fromSkippedSubnet = await ask([pod.addresses.v4, 8080, skippedSource]);
    const rules = { afterSimulating, bySimulated, first, second };
    return { ...seen, fromSkippedSubnet, ...rules, firstLog, validatedBefore, validated };
  } finally {
    pod.stop();
  }
}

if (mode === 'serve') await serve(JSON.parse(json));
else if (mode === 'ask') {
  const answers = await Promise.all((JSON.parse(json) as Target[]).map(ask));
  process.stdout.write(JSON.stringify(answers));
} else {
  try {
    process.stdout.write(`${JSON.stringify(await world(JSON.parse(mode)))}\n`);
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
  process.exit(0);
}

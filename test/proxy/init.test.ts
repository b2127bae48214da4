import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const bun = join(root, 'node_modules/.bin/bun');
const main = join(root, 'proxy/main.ts');
const flags = [
  ...['--proxy-uid', '2102', '--inbound-ports-to-ignore', '4190,4191,9999'],
  ...['--outbound-ports-to-ignore', '4567-4568', '--subnets-to-ignore', '10.9.0.0/24'],
];

/** Why `command` cannot run in a network namespace here; undefined when it can. */
function obstacle(command: string): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  const { status, stderr, error } = spawnSync('unshare', ['-n', 'sh', '-c', command], { encoding: 'utf8' });
  return error === undefined && status === 0 ? undefined : (error?.message ?? stderr.trim());
}

const links = 'ip link set lo up && ip link add veth-a type veth peer name veth-b';
const tables = (kind: string) =>
  `${links} && for v in ip ip6; do $v"tables-${kind}" -t nat -A OUTPUT -p tcp -m owner --uid-owner 1 -j REDIRECT || exit 1; done`;

interface World {
  v4: object;
  v6: object;
  fromSkippedSubnet: string;
  afterSimulating: string[];
  bySimulated: string[];
  first: string[];
  second: string[];
  firstLog: string;
  validatedBefore: number;
  validated: number[];
}

for (const kind of ['nft', 'legacy']) {
  const skipped = obstacle(tables(kind));
  describe.skipIf(skipped !== undefined)(
    `a pod whose rules are written by init with iptables-${kind}${skipped ? ` (skipped: ${skipped})` : ''}`,
    () => {
      let world: World;
      beforeAll(async () => {
        const program = [
          '--firewall-bin-path',
          `iptables-${kind}`,
          '--firewall-save-bin-path',
          `iptables-${kind}-save`,
        ];
        const script = join(import.meta.dirname, 'init-world.ts');
        const args = ['-n', process.execPath, script, JSON.stringify([...flags, ...program])];
        const { stdout } = await promisify(execFile)('unshare', args, { timeout: 60_000 });
        world = JSON.parse(stdout);
      }, 70_000);

      it.each(['v4', 'v6'] as const)(
        'over IP%s leads to its proxy what is not excepted, and nothing else',
        (version) => {
          expect(world[version]).toEqual({
            app: 'inbound',
            admin: 'admin',
            skippedPort: 'app',
            out: 'outbound',
            skippedOut: 'outside',
            loopback: 'app',
            self: 'app',
            byProxy: 'outside',
          });
        },
      );

      it('meets the application itself from a skipped subnet', () => {
        expect(world.fromSkippedSubnet).toBe('app');
      });

      it('has the same rules after a second run', () => {
        expect(world.first.join('\n')).toContain('--to-ports 4143');
        expect(world.second).toEqual(world.first);
        expect(world.firstLog).toContain(`firewall=iptables-${kind}`);
      });

      it('has them from what --simulate prints too, which itself writes nothing', () => {
        expect(world.afterSimulating.join('')).toBe('');
        expect(world.bySimulated).toEqual(world.first);
      });

      it('is told redirected by validate, and only then', () => {
        expect(world.validatedBefore).toBe(95);
        expect(world.validated).toEqual([0, 0]);
      });
    },
  );
}

/** Runs init in a network namespace of its own, then `after` there. */
function initThen(args: string[], after: string, env: Record<string, string> = {}) {
  const script = `"$@" 2>&1; echo "code $?"; ${after}`;
  return spawnSync('unshare', ['-n', 'sh', '-c', script, 'sh', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, DO_NOT_TRACK: '1', ...env },
    timeout: 20_000,
  }).stdout;
}

const unable = obstacle(tables('nft'));
describe.skipIf(unable !== undefined)(`init${unable ? ` (skipped: ${unable})` : ''}`, () => {
  it('falls back to an iptables that works, says so, and leaves nothing of the other', () => {
    const broken = mkdtempSync(join(tmpdir(), 'tulle-init-'));
    const path = join(broken, 'iptables-odd');
    const script = '#!/bin/sh\ncase "$*" in *--uid-owner*) exit 3;; esac\nexec iptables-legacy "$@"\n';
    writeFileSync(path, script, { mode: 0o755 });
    const program = ['--firewall-bin-path', path, '--firewall-save-bin-path', 'iptables-legacy-save'];
    const out = initThen(
      [bun, main, 'init', ...flags, ...program],
      'iptables-nft-save -t nat; echo LEGACY; iptables-legacy-save -t nat',
    );
    rmSync(broken, { recursive: true });
    expect(out).toMatch(/iptables-odd -w 5 .* --uid-owner 2102 .*' failed with exit code 3/);
    expect(out.split('LEGACY')[1]).not.toContain('PROXY_INIT');
    expect(out).toContain('the rules are written with iptables-nft instead');
    expect(out).toContain('code 0');
    expect(out).toContain('--to-ports 4143');
  });

  it('without privilege tells every command that failed, how, and what to do', () => {
    const out = initThen(['setpriv', '--bounding-set=-all', '--inh-caps=-all', bun, main, 'init', ...flags], 'true');
    expect(out).toContain("'iptables-nft-save -t nat' failed with exit code 4: ");
    expect(out).toContain("'iptables-legacy-save -t nat' failed with exit code ");
    expect(out).toContain('needs the capabilities NET_ADMIN and NET_RAW');
    expect(out).toContain('code 1');
  });

  it('names a sysctl that it may not write', () => {
    const out = initThen(
      ['setpriv', '--reuid=65534', bun, main, 'init', ...flags, '--timeout-close-wait-secs=3600'],
      'true',
    );
    expect(out).toContain('cannot write 3600 to /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait');
    expect(out).toContain('code 1');
  });

  it('sets the close-wait timeout of the pod', () => {
    const out = initThen(
      [bun, main, 'init', ...flags, '--timeout-close-wait-secs=3600'],
      'cat /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait',
    );
    expect(out).toMatch(/code 0\n3600\n$/);
  });
});

const noCapabilities = unable ?? obstacle('command -v capsh && command -v setcap');
describe.skipIf(noCapabilities !== undefined)(
  `as user 65534, as a kubelet starts it${noCapabilities ? ` (skipped: ${noCapabilities})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'tulle-init-'));
    const at = (name: string) => join(folder, name);

    beforeAll(() => {
      chmodSync(folder, 0o755);
      const copy = (from: string, name: string, capabilities: string): void => {
        copyFileSync(realpathSync(from), at(name));
        chmodSync(at(name), 0o755);
        const { status, stderr } = spawnSync('setcap', [`cap_net_admin,cap_net_raw+${capabilities}`, at(name)], {
          encoding: 'utf8',
        });
        if (status !== 0) throw new Error(stderr);
      };
      copy(bun, 'tulle-bun', 'p');
      for (const kind of ['nft', 'legacy']) {
        const program = spawnSync('sh', ['-c', `command -v iptables-${kind}`], { encoding: 'utf8' }).stdout.trim();
        copy(program, `xtables-${kind}-multi`, 'ep');
        for (const name of [`iptables-${kind}`, `ip6tables-${kind}`]) {
          symlinkSync(`xtables-${kind}-multi`, at(name));
          symlinkSync(`xtables-${kind}-multi`, at(`${name}-save`));
        }
      }
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    /** What a container runtime does: permitted capabilities, no new privileges, then the program. */
    const asContainer = (capabilities: string[], args: string[]): string => {
      const all = spawnSync('capsh', ['--print'], { encoding: 'utf8' }).stdout;
      const bounding = /Bounding set =(\S*)/.exec(all)?.[1].split(',') ?? [];
      const drop = bounding.filter((name) => !capabilities.includes(name)).join(',');
      const caps = capabilities.length > 0 ? `${capabilities.join(',')}+ep` : '';
      const capsh = spawnSync('sh', ['-c', 'command -v capsh'], { encoding: 'utf8' }).stdout.trim();
      const flagsOf = [`--drop=${drop}`, '--no-new-privs', '--keep=1', '--uid=65534', `--caps=${caps}`];
      return initThen(
        [capsh, ...flagsOf, `--shell=${at('tulle-bun')}`, '--', main, ...args],
        'iptables-nft-save -t nat',
        {
          PATH: `${folder}:${process.env.PATH}`,
          XTABLES_LOCKFILE: join(folder, 'xtables.lock'),
        },
      );
    };

    it('init writes the rules with NET_ADMIN and NET_RAW and no way to more', () => {
      const out = asContainer(['cap_net_admin', 'cap_net_raw'], ['init', ...flags]);
      expect(out).toContain('code 0');
      expect(out).toContain('--to-ports 4143');
    });

    it('the same program runs without any capability', () => {
      expect(asContainer([], ['version'])).toMatch(/^\d+\.\d+\.\d+\ncode 0\n/);
    });
  },
);

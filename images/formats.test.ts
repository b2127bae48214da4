import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseContainerfile } from './containerfile.ts';
import { fullName } from './oci-archive.ts';
import { readTar } from './read-archive.ts';
import { type TarEntry, tar } from './tar.ts';

const pack = (entries: ReadonlyMap<string, TarEntry>): Buffer => Buffer.concat([...tar(entries)]);

describe('tar', () => {
  const long = `deep/${'x'.repeat(90)}/${'y'.repeat(120)}`;
  const entries = new Map<string, TarEntry>([
    ['link', { kind: 'symlink', target: 'z'.repeat(130) }],
    [long, { kind: 'file', mode: 0o755, content: Buffer.from('content'), capabilities: Buffer.from([1, 0, 10, 255]) }],
    ['empty', { kind: 'file', mode: 0o600, content: Buffer.alloc(0) }],
    ['deep', { kind: 'directory', mode: 0o1777 }],
  ]);

  it('is what GNU tar reads, long names and links included', () => {
    const list = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--file=-'], {
      input: pack(entries),
      encoding: 'utf8',
    });
    const lines = list.trim().split('\n');
    expect(lines.map((line) => line.split(/\s+/).slice(0, 3).join(' '))).toEqual([
      'drwxrwxrwt 0/0 0',
      '-rwxr-xr-x 0/0 7',
      '-rw------- 0/0 0',
      'lrwxrwxrwx 0/0 0',
    ]);
    expect(lines[1]).toContain(` ${long}`);
    expect(lines[3]).toContain(` link -> ${'z'.repeat(130)}`);
  });

  it('keeps every byte of capabilities', () => {
    const read = new Map([...readTar(pack(entries))].map(({ path, facts }) => [path, facts]));
    expect(read.get(long)?.capabilities).toBe('01000aff');
  });

  it('does not depend on the order in which files were added', () => {
    expect(pack(new Map([...entries].reverse()))).toEqual(pack(entries));
  });
});

describe('a Containerfile', () => {
  const read = (text: string) => parseContainerfile(text, 'Containerfile');

  it('says what is in the image and how it runs', () => {
    const text =
      'FROM scratch\n# why\nADD a.tar /\nADD b.tar /\nENV A=1\nENV B=/x:/y\nUSER 5:5\nENTRYPOINT ["/a", "b"]\n';
    expect(read(text)).toEqual({
      layers: ['a.tar', 'b.tar'],
      config: { Env: ['A=1', 'B=/x:/y'], User: '5:5', Entrypoint: ['/a', 'b'] },
    });
  });

  it.each([
    ['RUN apt-get update', /Containerfile:1: .*is not among the instructions/],
    ['FROM debian', /must be scratch/],
    ['ADD a.tar /usr', /must be NAME\.tar \//],
    ['ENTRYPOINT /a b', /must be a JSON list/],
    ['ENV A B', /must be NAME=VALUE/],
  ])('that says %s is refused, with line and reason', (line, message) => {
    expect(() => read(line)).toThrow(message);
  });
});

it.each([
  ['tulle-proxy:1', 'docker.io/library/tulle-proxy:1'],
  ['team/tulle-proxy:1', 'docker.io/team/tulle-proxy:1'],
  ['registry.example/team/tulle-proxy:1', 'registry.example/team/tulle-proxy:1'],
  ['localhost:5000/tulle-proxy:1', 'localhost:5000/tulle-proxy:1'],
])('the kubelet looks for %s as %s', (name, full) => {
  expect(fullName(name)).toBe(full);
});

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const proxy = resolve(import.meta.dirname, '../../proxy');

/**
 * The rooms inside `proxy/`, from the ground up: each may import itself and rooms above it in this list, of those that
 * it names. Types count: what a room knows the shape of, it depends on. A file beside the rooms is one by itself.
 */
const rooms: readonly (readonly [room: string, mayImport: string])[] = [
  ['clock', ''],
  ['duration', ''],
  ['start-pages', ''],
  ['wire', ''],
  ['balance', ''],
  ['resilience', ''],
  ['timer-wheel', 'clock'],
  ['keep-alive', 'clock'],
  ['env-parser', 'duration'],
  ['flag-parser', 'duration'],
  ['model', 'wire'],
  ['opaque', 'wire'],
  ['tokens', 'wire'],
  ['route', 'wire model'],
  ['resilience', 'model'],
  ['filter', 'wire route'],
  ['net', 'wire clock start-pages'],
  ['telemetry', 'wire model'],
  ['accept', 'wire clock keep-alive'],
  ['control', 'wire clock keep-alive net resilience'],
  ['ext-authz', 'wire filter control'],
  ['identity', 'wire clock control resilience telemetry'],
  ['policy', 'wire clock balance resilience model tokens route control ext-authz telemetry filter'],
  ['discovery', 'wire clock model route control telemetry policy filter'],
  ['upstream', 'wire clock keep-alive timer-wheel model net telemetry'],
  ['exchange', 'wire clock timer-wheel model route filter telemetry'],
  ['statsd', 'clock'],
  ['access-log', 'wire clock model exchange'],
  ['tap', 'wire clock model exchange control telemetry'],
  ['backend', 'wire clock timer-wheel balance resilience model route filter telemetry upstream exchange'],
  [
    'outbound',
    'wire clock keep-alive model opaque route filter resilience telemetry accept policy discovery upstream exchange backend',
  ],
  [
    'inbound',
    'wire clock keep-alive timer-wheel model opaque tokens route filter ext-authz telemetry accept policy upstream exchange backend',
  ],
  ['tracing', 'wire clock resilience model net telemetry control exchange'],
  ['debug', 'wire model route accept policy backend outbound'],
  ['admin', 'wire clock model telemetry accept policy'],
  ['workers', 'clock control resilience telemetry'],
  ['config', 'wire accept net keep-alive env-parser telemetry control identity policy workers access-log statsd'],
  [
    'sidecar',
    'wire clock timer-wheel tokens net telemetry accept control identity policy discovery upstream exchange access-log statsd outbound inbound tracing admin debug config tap',
  ],
  ['init', 'wire flag-parser telemetry'],
  ['await', 'wire clock flag-parser net telemetry'],
  ['validate', 'wire clock flag-parser net telemetry'],
  ['proxy', 'clock start-pages access-log net telemetry workers config sidecar'],
  ['main', 'clock proxy init await validate'],
];

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === 'testing' ? [] : sources(path);
    return name.endsWith('.ts') && !name.endsWith('.test.ts') ? [path] : [];
  });
}

const roomOf = (file: string): string => relative(proxy, file).split('/')[0].replace(/\.ts$/, '');

/** What a file imports from elsewhere in `proxy/`, types too. */
function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/from\s+'(\.[^']+)'|import\(\s*'(\.[^']+)'\s*\)|import\s+'(\.[^']+)'/g)]
    .map((match) => resolve(dirname(file), match[1] ?? match[2] ?? match[3]))
    .filter((target) => target.startsWith(`${proxy}/`));
}

it('every file of proxy/ stands in a room that is known', () => {
  const known = new Set(rooms.map(([room]) => room));
  expect(
    sources(proxy)
      .filter((file) => !known.has(roomOf(file)))
      .map((file) => relative(proxy, file)),
  ).toEqual([]);
});

it('a room of proxy/ may import only rooms below it, so that there is no circle', () => {
  const below = new Set<string>();
  for (const [room, mayImport] of rooms) {
    for (const name of mayImport.split(' ').filter((text) => text !== ''))
      expect([room, name, below.has(name)]).toEqual([room, name, true]);
    below.add(room);
  }
});

it('no file of proxy/ imports from a room that its own may not know, not even a type', () => {
  const allowed = new Map(rooms.map(([room, mayImport]) => [room, new Set([room, ...mayImport.split(' ')])]));
  const offences = sources(proxy).flatMap((file) =>
    imports(file)
      .filter((target) => !allowed.get(roomOf(file))?.has(roomOf(target)))
      .map((target) => `${relative(proxy, file)} imports ${relative(proxy, target)}`),
  );
  expect(offences).toEqual([]);
});

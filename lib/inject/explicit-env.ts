import type { ProxySettings } from './config.ts';
import type { Container, EnvVar } from './kubernetes.ts';
import { field } from './proxy-env.ts';
import type { InjectProblem } from './report.ts';

/** A name of our own, so that the application's POD_IP, if it has one, stays the application's. */
const podIpName = 'TULLE_POD_IP';

/**
 * What tells an application to use the proxy where nothing is intercepted. `grpc_proxy` is read by the gRPC libraries,
 * `http_proxy` by most HTTP clients, `NODE_USE_ENV_PROXY` makes Node's own do so too.
 */
function explicitEnv(settings: ProxySettings): EnvVar[] {
  const proxy = `http://$(TULLE_POD_IP):${settings.outboundPort}`;
  return [
    field(podIpName, 'status.podIP'),
    { name: 'http_proxy', value: proxy },
    { name: 'https_proxy', value: proxy },
    { name: 'grpc_proxy', value: proxy },
    { name: 'no_proxy', value: 'localhost,127.0.0.1,::1,$(TULLE_POD_IP),kubernetes.default.svc' },
    { name: 'NODE_USE_ENV_PROXY', value: '1' },
  ];
}

const explicitNames: ReadonlySet<string> = new Set([
  'http_proxy',
  'https_proxy',
  'grpc_proxy',
  'no_proxy',
  'NODE_USE_ENV_PROXY',
]);

/** Adds the environment; what the container sets itself stays, and is told, for its calls then miss the mesh. */
export function withExplicitEnv(
  container: Container,
  settings: ProxySettings,
  place: { readonly object: string; readonly field: string },
  problems: InjectProblem[],
): Container {
  const own = container.env ?? [];
  const names = new Set(own.map(({ name }) => name));
  for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy']) {
    if (!names.has(name)) continue;
    problems.push({
      severity: 'warning',
      object: place.object,
      field: `${place.field}.env[${name}]`,
      message: 'is set by the container: its calls do not go through the proxy. Remove it to mesh them',
      consequence: 'it stays',
    });
  }
  // First, because own entries may use ours, and $(name) expands only below its definition.
  return { ...container, env: [...explicitEnv(settings).filter(({ name }) => !names.has(name)), ...own] };
}

/** The reverse, for `uninject`: what refers to our address goes, what the container had set itself stays. */
export function withoutExplicitEnv(container: Container): Container {
  if (!container.env?.some(({ name }) => name === podIpName)) return container;
  const { env, ...rest } = container;
  const kept = env.filter(
    ({ name, value }) =>
      name !== podIpName &&
      !(explicitNames.has(name) && (value?.includes(`$(${podIpName})`) || name === 'NODE_USE_ENV_PROXY')),
  );
  return kept.length > 0 ? { ...rest, env: kept } : rest;
}

import {
  debugContainerName,
  identityAudience,
  identityVolumeName,
  proxyAdminPortName,
  proxyContainerName,
  tokenVolumeName,
} from '../contract/names.ts';
import type { ProxySettings } from './config.ts';
import { type ExplicitPort, explicitPortName } from './explicit-ports.ts';
import type { Container, EnvVar, Volume } from './kubernetes.ts';
import { identityDir, tokenDir, tokenFileName } from './proxy-env.ts';
import { resourcesOf } from './resources.ts';

/** What an image starts, and how its proxy is waited for. */
interface Program {
  readonly args: readonly string[];
  /** Ends when the proxy is ready, or with a failure. */
  readonly await: readonly string[];
}

/** The sub-commands of our program are `proxy`, `init`, `validate` and `await`. */
const ownProgram: Program = { args: ['proxy'], await: ['/usr/bin/tulle-proxy', 'await'] };
/** Linkerd's image makes key and CSR, and then starts the proxy (linkerd2 Dockerfile.proxy, proxy-identity). */
const linkerd2Program: Program = { args: [], await: ['/usr/lib/linkerd/linkerd-await'] };

/** The sidecar (linkerd2 charts/partials/templates/_proxy.tpl). */
export function proxyContainer(
  settings: ProxySettings,
  env: EnvVar[],
  explicitPorts: readonly ExplicitPort[],
  isLinkerds = false,
): Container {
  const program = isLinkerds ? linkerd2Program : ownProgram;
  const lifecycle = lifecycleOf(settings, program);
  const resources = resourcesOf(settings);
  return {
    name: proxyContainerName,
    image: `${settings.image}:${settings.version}`,
    imagePullPolicy: settings.imagePullPolicy,
    ...(program.args.length > 0 ? { args: [...program.args] } : {}),
    ...(settings.nativeSidecar ? { restartPolicy: 'Always' } : {}),
    env,
    ports: [
      { name: 'tulle-proxy', containerPort: settings.inboundPort },
      { name: proxyAdminPortName, containerPort: settings.adminPort },
      ...explicitPorts.map(({ app, listener }) => ({ name: explicitPortName(app), containerPort: listener })),
    ],
    livenessProbe: { httpGet: { path: '/live', port: settings.adminPort }, initialDelaySeconds: 10, timeoutSeconds: 1 },
    readinessProbe: {
      httpGet: { path: '/ready', port: settings.adminPort },
      initialDelaySeconds: 2,
      timeoutSeconds: 1,
    },
    // Containers after a native sidecar start once this holds: they find a proxy that has its certificate.
    ...(settings.nativeSidecar
      ? {
          startupProbe: {
            httpGet: { path: '/ready', port: settings.adminPort },
            periodSeconds: 1,
            failureThreshold: 120,
          },
        }
      : {}),
    ...(lifecycle ? { lifecycle } : {}),
    ...(resources ? { resources } : {}),
    securityContext: {
      allowPrivilegeEscalation: false,
      // Linkerd copies the capabilities of the first container; the proxy needs none, so it asks for none.
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: settings.uid,
      ...(settings.gid >= 0 ? { runAsGroup: settings.gid } : {}),
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: identityVolumeName, mountPath: identityDir },
      { name: tokenVolumeName, mountPath: tokenDir },
    ],
  };
}

/** Keys in memory, and the token that proves the workload to the identity component. */
export function proxyVolumes(): Volume[] {
  return [
    { name: identityVolumeName, emptyDir: { medium: 'Memory' } },
    {
      name: tokenVolumeName,
      projected: {
        sources: [
          { serviceAccountToken: { audience: identityAudience, expirationSeconds: 86_400, path: tokenFileName } },
        ],
      },
    },
  ];
}

/** Network tools beside the proxy (`enable-debug-sidecar`); its probes cannot fail, so it never hurts the pod. */
export function debugContainer(settings: ProxySettings & { readonly debugImage: string }): Container {
  const probe = { exec: { command: ['true'] } };
  return {
    name: debugContainerName,
    image: settings.debugImageVersion ? `${settings.debugImage}:${settings.debugImageVersion}` : settings.debugImage,
    imagePullPolicy: settings.debugImagePullPolicy ?? settings.imagePullPolicy,
    livenessProbe: probe,
    readinessProbe: probe,
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** A native sidecar needs neither: the kubelet starts it before the application and stops it after. */
function lifecycleOf(settings: ProxySettings, program: Program): Record<string, unknown> | undefined {
  if (settings.nativeSidecar) return undefined;
  const postStart = settings.await && {
    postStart: { exec: { command: [...program.await, '--timeout=2m', `--port=${settings.adminPort}`] } },
  };
  const preStop = settings.waitBeforeExitSeconds > 0 && {
    preStop: { exec: { command: ['/bin/sleep', `${settings.waitBeforeExitSeconds}`] } },
  };
  return postStart || preStop ? { ...postStart, ...preStop } : undefined;
}

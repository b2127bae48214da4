import type { InboundPolicyName } from '../../lib/contract/inbound-policies.ts';
import {
  AccessLog,
  CertManagerIssuer,
  Compat,
  DataPlane,
  InboundPolicy,
  Interception,
  LogLevel,
  type MeshComponents,
  type MeshProps,
  PullPolicy,
  Statsd,
  StatsdTags,
  Tracing,
  type TracingOptions,
  TrustAnchors,
} from '../../lib/index.ts';
import { autoscalingShape, componentShape, ownMeshShape, tolerationShape } from '../../lib/mesh/mesh-shape.ts';
import { proxyShape, sidecarShape } from '../../lib/workload/mesh-options-shape.ts';
import { fieldsByShape } from './fields-by-shape.ts';
import {
  choice,
  duration,
  fieldsOf,
  listOf,
  made,
  number,
  scalar,
  text,
  texts,
  type ValueForm,
} from './value-forms.ts';

export const inboundPolicyFactories: Readonly<Record<InboundPolicyName, () => InboundPolicy>> = {
  'all-unauthenticated': InboundPolicy.allUnauthenticated,
  'all-authenticated': InboundPolicy.allAuthenticated,
  'cluster-unauthenticated': InboundPolicy.clusterUnauthenticated,
  'cluster-authenticated': InboundPolicy.clusterAuthenticated,
  'all-tls-unauthenticated': InboundPolicy.allTlsUnauthenticated,
  'cluster-tls-unauthenticated': InboundPolicy.clusterTlsUnauthenticated,
  audit: InboundPolicy.audit,
  deny: InboundPolicy.deny,
};

const numbers = listOf(number);
const lines = listOf(text);
const pullPolicy = choice({
  Always: PullPolicy.always,
  IfNotPresent: PullPolicy.ifNotPresent,
  Never: PullPolicy.never,
});
const logLevel = choice({
  ...{ fatal: LogLevel.fatal, error: LogLevel.error, warn: LogLevel.warn, info: LogLevel.info, debug: LogLevel.debug },
});
const tags = choice({
  dogstatsd: () => StatsdTags.DOGSTATSD,
  librato: () => StatsdTags.LIBRATO,
  none: () => StatsdTags.NONE,
});

interface StatsdValues {
  readonly node?: number;
  readonly server?: string;
  readonly port?: number;
  readonly unixSocket?: string;
  readonly tags?: StatsdTags;
}

const statsd = made(
  fieldsOf<StatsdValues>({ node: number, server: text, port: number, unixSocket: text, tags }),
  ({ node, server, port, unixSocket, tags: how }) => {
    const given = [node, server, unixSocket].filter((each) => each !== undefined);
    if (given.length !== 1) throw new Error('give one of node, server and unixSocket');
    if (server !== undefined) return Statsd.server(server, port, how);
    if (port !== undefined) throw new Error('port is that of a server');
    return node === undefined ? Statsd.unixSocket(unixSocket ?? '', how) : Statsd.node(node, how);
  },
);

const proxy = fieldsByShape(proxyShape, {
  imagePullPolicy: pullPolicy,
  accessLog: choice({ json: AccessLog.json, apache: AccessLog.apache, off: AccessLog.off }),
  statsd,
  environment: texts,
  debugImagePullPolicy: pullPolicy,
});

const tolerations = listOf(fieldsByShape(tolerationShape, {}));

const component = fieldsByShape(componentShape, {
  autoscaling: fieldsByShape(autoscalingShape, {}),
  logLevel,
  tolerations,
  nodeSelector: texts,
  imagePullSecrets: lines,
});

type Protocol = 'otlp' | 'otlpHttp' | 'zipkin' | 'off';
const protocols = ['otlp', 'otlpHttp', 'zipkin', 'off'] as const;

const tracing = made(
  fieldsOf<TracingOptions & { readonly protocol?: Protocol }>({
    protocol: choice(Object.fromEntries(protocols.map((name) => [name, () => name]))),
    ...{ collector: text, sampleRate: number, collectorServiceAccount: text, serviceName: text },
  }),
  ({ protocol = 'otlp', ...options }) => {
    if (protocol === 'off') return Tracing.off();
    if (options.collector === undefined) throw new Error('name the collector');
    return Tracing[protocol](options);
  },
);

interface CertManagerValues {
  readonly issuer?: string;
  readonly clusterIssuer?: string;
  readonly issuerLifetime?: ReturnType<typeof duration.read>;
  readonly anchorLifetime?: ReturnType<typeof duration.read>;
}

const certManager = made(
  fieldsOf<CertManagerValues>({
    ...{ issuer: text, clusterIssuer: text, issuerLifetime: duration, anchorLifetime: duration },
  }),
  ({ issuer, clusterIssuer, ...lifetimes }) => {
    if (issuer !== undefined && clusterIssuer !== undefined) throw new Error('give issuer or clusterIssuer, not both');
    const named =
      issuer !== undefined
        ? CertManagerIssuer.issuer(issuer)
        : clusterIssuer === undefined
          ? undefined
          : CertManagerIssuer.clusterIssuer(clusterIssuer);
    return TrustAnchors.certManager({ ...lifetimes, ...(named === undefined ? {} : { issuer: named }) });
  },
);

const wordOfTrust = choice({
  ...{ generated: TrustAnchors.generated, secret: TrustAnchors.fromSecret },
  certManager: () => TrustAnchors.certManager(),
});

/** A word, or a map `certManager` with what it makes. */
const trustAnchors: ValueForm<TrustAnchors> = {
  offers: wordOfTrust.offers ?? [],
  read: (value, path, wrong) =>
    typeof value === 'string'
      ? wordOfTrust.read(value, path, wrong)
      : fieldsOf<{ certManager: TrustAnchors }>({ certManager }).read(value, path, wrong)?.certManager,
  fields: { certManager },
};

/** Data planes that have a name; any other is an image. */
export const namedDataPlanes = { tulle: DataPlane.tulle } as const;

export const dataPlane = scalar(
  "tulle, the mesh's own, or an image of Linkerd's proxy with its tag, such as cr.l5d.io/linkerd/proxy:edge-26.11.1",
  (given) => {
    if (Object.hasOwn(namedDataPlanes, given)) return namedDataPlanes[given as keyof typeof namedDataPlanes]();
    try {
      return DataPlane.linkerd2(given);
    } catch {
      return undefined;
    }
  },
  Object.keys(namedDataPlanes),
);

/** Every typed property of `Mesh`, by its name. */
export const meshForm = fieldsByShape<Omit<MeshProps, '_install'>>(
  { ...ownMeshShape, ...sidecarShape },
  {
    clusterNetworks: lines,
    keyNetworks: lines,
    dataPlane,
    compat: choice({ none: Compat.none, linkerd: Compat.linkerd }),
    interception: choice({ initContainer: Interception.initContainer, explicit: Interception.explicit }),
    defaultInboundPolicy: choice(inboundPolicyFactories),
    opaquePorts: numbers,
    skipInboundPorts: numbers,
    skipOutboundPorts: numbers,
    skipSubnets: lines,
    requireIdentityOnPorts: numbers,
    proxy,
    tracing,
    imagePullPolicy: pullPolicy,
    imagePullSecrets: lines,
    trustAnchors,
    nodeSelector: texts,
    tolerations,
    podLabels: texts,
    podAnnotations: texts,
    logLevel,
    components: fieldsOf<MeshComponents>({
      ...{ destination: component, identity: component, proxyInjector: component, tap: component },
    }),
  },
);

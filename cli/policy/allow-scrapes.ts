import { Command, Option } from 'commander';
import { proxyAdminPortName } from '../../lib/contract/names.ts';
import { type Format, formatOption, forPrograms } from '../formats.ts';
import { formatObjects } from '../manifests/manifest-stream.ts';
import { type Terminal, UsageError } from '../terminal.ts';

interface AllowScrapesOptions {
  readonly namespace?: string;
  readonly targetNamespace?: string;
  readonly prometheus: string;
  readonly output: Format;
}

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const account = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** `tulle allow-scrapes`: policy by which a Prometheus may scrape the sidecars of a namespace, whatever is shut there. */
export function allowScrapesCommand(terminal: Terminal): Command {
  return new Command('allow-scrapes')
    .addOption(
      new Option(
        '--prometheus <namespace/account>',
        'service account of the Prometheus, whose pods are meshed: monitoring/prometheus',
      ).makeOptionMandatory(),
    )
    .option('--target-namespace <name>', 'namespace whose sidecars are scraped (default: that of -n)')
    .addOption(formatOption('yaml', 'json'))
    .addHelpText(
      'after',
      '\nExample:\n  tulle allow-scrapes -n shop --prometheus monitoring/prometheus | kubectl apply -f -\n',
    )
    .action((_: unknown, command: Command) => {
      const options = command.optsWithGlobals<AllowScrapesOptions>();
      const namespace = options.targetNamespace ?? options.namespace ?? 'default';
      if (!label.test(namespace))
        throw new UsageError(`--target-namespace (${namespace}) must be the name of a namespace`);
      const [home = '', name = '', ...rest] = options.prometheus.split('/');
      if (rest.length > 0 || !label.test(home) || !account.test(name)) {
        throw new UsageError(`--prometheus (${options.prometheus}) must be namespace/account: monitoring/prometheus`);
      }
      const objects = scrapePolicy(namespace, { namespace: home, name });
      terminal.out(options.output === 'json' ? forPrograms(objects, 'json')! : formatObjects(objects));
    });
}

/** What lets an account in at the admin port of every sidecar of a namespace; health stays open to the kubelet. */
export function scrapePolicy(namespace: string, { namespace: home, name }: { namespace: string; name: string }) {
  const server = 'proxy-admin';
  return [
    {
      apiVersion: 'policy.linkerd.io/v1beta3',
      kind: 'Server',
      metadata: { name: server, namespace },
      spec: { podSelector: {}, port: proxyAdminPortName, proxyProtocol: 'HTTP/1' },
    },
    {
      apiVersion: 'policy.linkerd.io/v1alpha1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'allow-scrapes', namespace },
      spec: {
        targetRef: { group: 'policy.linkerd.io', kind: 'Server', name: server },
        requiredAuthenticationRefs: [{ kind: 'ServiceAccount', name, namespace: home }],
      },
    },
  ];
}

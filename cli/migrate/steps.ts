import type { Migration } from './to-props.ts';

/**
 * The order in which nothing is unencrypted for a moment: Tulle comes to stand in Linkerd's namespace with its trust domain and
 * issuer, so that each control plane takes the other's pods for meshed, by the same identities.
 */
export function stepsOf({ namespace, namespaces, workloads }: Migration): string {
  const moved = namespaces
    .filter(({ name, asksForLinkerd }) => asksForLinkerd && name !== namespace)
    .map(({ name }) => name);
  const copy = (kind: string, from: string, to: string): string =>
    `kubectl -n ${namespace} get ${kind} ${from} -o json |\n` +
    `  jq '{apiVersion, kind, type, data, metadata: {name: "${to}", namespace: "${namespace}"}} | del(..|nulls)' |\n` +
    '  kubectl apply -f -';
  const asked = workloads.filter(({ asksForLinkerd }) => asksForLinkerd).map(({ name }) => name);
  const steps = [
    step('See that nothing is wrong with what is there', 'linkerd check', 'tulle check --pre'),
    step(
      'Give both control planes one issuer and one trust anchor. Where cert-manager renews them, have it write these as well',
      copy('secret', 'linkerd-identity-issuer', 'tulle-identity-issuer'),
      copy('configmap', 'linkerd-identity-trust-roots', 'tulle-identity-trust-roots'),
    ),
    step(
      'Install Tulle beside it: no pod changes yet. Policies hold for both, since both read the same kinds',
      'cdk8s synth',
      'kubectl apply -f dist/tulle.k8s.yaml',
      `tulle check -L ${namespace}`,
    ),
    step(
      'Move one namespace after the other, those first that call opaque ports of others: a proxy of Linkerd may not find the way ' +
        'to an opaque port of a pod of Tulle, and does not fall back to plaintext. Workloads that ask for Linkerd in their own ' +
        `manifests (linkerd.io/inject) have to ask for tulle.dev/inject instead${asked.length > 0 ? `: ${listed(asked)}` : ''}`,
      ...(moved.length === 0 ? ['<namespace>'] : moved).flatMap((name) => [
        `kubectl annotate namespace ${name} linkerd.io/inject=disabled tulle.dev/inject=enabled --overwrite`,
        `kubectl -n ${name} rollout restart deploy,statefulset,daemonset`,
        `tulle -L ${namespace} edges -n ${name} deploy          # all of them √`,
      ]),
    ),
    step(
      "When 'tulle list -A' has nobody left who runs Linkerd's proxy, take its control plane away, and keep its namespace and its " +
        "kinds, which Tulle stands in and reads. Not by 'linkerd uninstall' or 'tulle prune': both find what the other one has, " +
        'by the same labels',
      'kubectl annotate crd -l linkerd.io/control-plane-ns helm.sh/resource-policy=keep',
      `helm uninstall -n ${namespace} linkerd-control-plane`,
    ),
    step(
      'Have the kinds as this version has them, and look once more',
      'kubectl apply -f dist/tulle.k8s.yaml',
      `tulle check --proxy -L ${namespace}`,
    ),
  ];
  return steps.map((text, index) => `${index + 1}. ${text}`).join('\n');
}

const step = (what: string, ...commands: readonly string[]): string =>
  `${what}:\n\n${commands.join('\n').replace(/^/gm, '       ')}\n`;

const mostListed = 20;
const listed = (all: readonly string[]): string =>
  all.slice(0, mostListed).join(', ') + (all.length > mostListed ? ` and ${all.length - mostListed} more` : '');

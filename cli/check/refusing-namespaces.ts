import { injectAnnotation } from '../../lib/contract/annotations.ts';
import { refusingLevel } from '../../lib/inject/pod-security.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';

/** Namespaces that ask for sidecars with an init container which their PodSecurity refuses. */
export function refusingNamespaces(namespaces: readonly Pick<Namespace, 'metadata'>[]): string[] {
  return namespaces.flatMap(({ metadata }) => {
    const { name, labels, annotations } = metadata;
    const asked = annotations?.[injectAnnotation];
    const level = refusingLevel({ labels: { ...labels } });
    if (level === undefined || (asked !== 'enabled' && asked !== 'ingress')) return [];
    return [
      `namespace ${name} asks for sidecars (${injectAnnotation}: ${asked}), and its PodSecurity ${level} refuses their init containers`,
    ];
  });
}

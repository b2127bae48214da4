import type { Pod } from '../../lib/kinds/pod.ts';

/** The tag of an image; `latest` when it has none, and undefined when a digest stands for it. */
export function imageTag(image: string): string | undefined {
  const withoutDigest = image.split('@')[0];
  const tag = /:([^:/]+)$/.exec(withoutDigest)?.[1];
  return tag ?? (image.includes('@') ? undefined : 'latest');
}

/** The version of a container of a pod, by its image; undefined when there is no such container. */
export function containerVersion({ spec }: Pod, name: string): string | undefined {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const image = (containers.find((container) => container.name === name) as { image?: string } | undefined)?.image;
  return image === undefined ? undefined : imageTag(image);
}

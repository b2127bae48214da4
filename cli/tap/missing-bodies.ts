import { type TapEvent, TapEvent_ProxyDirection } from '../../api/gen/tap_pb.js';
import { TapBodies } from '../../api/gen/tulle_pb.js';
import { settingKey, tapBodiesSetting } from '../../lib/contract/annotations.ts';

/** Says, once, why bodies are not shown that were asked for. */
export class MissingBodies {
  private readonly warn: (message: string) => void;
  private told = false;

  constructor(warn: (message: string) => void) {
    this.warn = warn;
  }

  look(event: TapEvent): void {
    const part = event.event.case === 'http' ? event.event.value.event : undefined;
    if (this.told || part?.case !== 'requestInit' || event.bodies === TapBodies.TOLD) return;
    this.told = true;
    const isIn = event.proxyDirection === TapEvent_ProxyDirection.INBOUND;
    const pod = (isIn ? event.destinationMeta : event.sourceMeta)?.labels['pod'];
    const sidecar = pod === undefined ? 'a sidecar' : `the sidecar of ${pod}`;
    const why =
      event.bodies === TapBodies.NOT_ALLOWED
        ? `lets nobody see bodies: pods that do have the annotation ${settingKey(tapBodiesSetting)}: enabled`
        : 'is of a version that tells of no bodies';
    this.warn(`${sidecar} ${why}`);
  }
}

import type { CallBackend } from './call-result.ts';

/** A route names a backend that is not there. */
export const noBackend = 'there is no such backend';
/** The Service has nobody behind it. */
export const noEndpoint = 'the Service has no endpoint';

/** Whether a call finds nothing there that would take it, or refuse it for what it is. */
export const isNothing = ({ by }: Pick<CallBackend, 'by'>): boolean => by === noBackend || by === noEndpoint;

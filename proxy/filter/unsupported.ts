import { Answer, Filters } from './filter.ts';

const internal = 13;

const answer = (message: string): Answer => new Answer(500, internal, message, [], 'unsupportedFilter');

/** In place of filters of which one is not known or cannot hold: without it, what it was to shut would be open. */
export const unsupportedFilters = new Filters([], [{ apply: () => unsupported }], []);

const unsupported = answer('unsupported filter');

/** Of a request whose path is not what its route matched. */
export const prefixMissing = answer('the path does not begin with the prefix that its route matches by');

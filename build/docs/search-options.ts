import type { Options } from 'minisearch';
import type { Section } from './page-html.ts';

/** Of the index, alike for who makes it and who reads it. */
export const searchOptions: Options<Section> = {
  idField: 'url',
  fields: ['title', 'heading', 'text'],
  storeFields: ['url', 'title', 'heading'],
  searchOptions: { boost: { title: 4, heading: 3 }, prefix: true, fuzzy: 0.15, combineWith: 'AND' },
};

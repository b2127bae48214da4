/** A description of an API from which no routes can be made: the message names the place, its value and what to do. */
export class DescriptionError extends Error {
  override readonly name = 'DescriptionError';
}

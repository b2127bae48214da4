import { bash } from './bash.ts';
import { fish } from './fish.ts';
import { zsh } from './zsh.ts';

/** The shells that can be told, each with how. */
export const shells = { bash, zsh, fish } as const;

export type Shell = keyof typeof shells;

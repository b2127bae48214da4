import { MeshModel } from '../../model/mesh-model.ts';
import { printable } from '../table.ts';
import { CommandError, type Terminal } from '../terminal.ts';

/** The model of a folder of manifests. What in it cannot take effect is told on standard error. */
export function modelOf(folder: string, terminal: Terminal): MeshModel {
  let model: MeshModel;
  try {
    model = MeshModel.fromFolder(folder);
  } catch (error) {
    throw new CommandError(`${folder}: ${(error as Error).message}`);
  }
  for (const problem of model.problems) terminal.err(`warning: ${printable(problem)}\n`);
  return model;
}

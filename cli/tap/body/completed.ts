import { protoCamelCase } from '@bufbuild/protobuf/reflect';
import type { DescriptorProto, FieldDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';

/** No name that anybody gave is longer, nor stands deeper: those that are would take long to look for. */
const maxNameLength = 512;
const maxDepth = 32;

/**
 * Writes into descriptors what some compilers and servers leave to who reads them: the names that fields have in JSON, and
 * the full names of types, which are looked for from the inside out (descriptor.proto, `type_name`). `files` are all that
 * need each other. Throws when names are longer than any that somebody gave.
 */
export function complete(files: readonly FileDescriptorProto[]): void {
  const types = new Set<string>();
  for (const file of files) {
    inside('', file.package);
    for (const { name } of file.enumType) types.add(inside(file.package, name));
    for (const message of file.messageType) collect(types, file.package, message);
  }
  for (const file of files) {
    const full = (name: string): string => fullName(types, file.package, name);
    completeFields(types, file.package, file.extension);
    for (const message of file.messageType) completeMessage(types, file.package, message);
    for (const method of file.service.flatMap((service) => service.method)) {
      method.inputType = full(method.inputType);
      method.outputType = full(method.outputType);
    }
  }
}

function collect(types: Set<string>, scope: string, message: DescriptorProto): void {
  const name = inside(scope, message.name);
  types.add(name);
  for (const each of message.enumType) types.add(inside(name, each.name));
  for (const nested of message.nestedType) collect(types, name, nested);
}

function completeMessage(types: ReadonlySet<string>, scope: string, message: DescriptorProto): void {
  const name = inside(scope, message.name);
  completeFields(types, name, message.field);
  completeFields(types, name, message.extension);
  for (const nested of message.nestedType) completeMessage(types, name, nested);
}

function completeFields(types: ReadonlySet<string>, scope: string, fields: readonly FieldDescriptorProto[]): void {
  for (const field of fields) {
    if (field.jsonName === '') field.jsonName = protoCamelCase(field.name);
    if (field.typeName !== '') field.typeName = fullName(types, scope, field.typeName);
    if (field.extendee !== '') field.extendee = fullName(types, scope, field.extendee);
  }
}

function fullName(types: ReadonlySet<string>, scope: string, name: string): string {
  if (name.startsWith('.')) return name;
  let around = scope;
  for (let level = 0; around !== '' && level < maxDepth; level++) {
    if (types.has(`${around}.${name}`)) return `.${around}.${name}`;
    around = around.slice(0, Math.max(0, around.lastIndexOf('.')));
  }
  return `.${name}`;
}

function inside(scope: string, name: string): string {
  const full = scope === '' ? name : `${scope}.${name}`;
  if (full.length > maxNameLength) throw new Error(`a name has more than ${maxNameLength} characters`);
  return full;
}

// The compiled kernels in text form: no managed objects, no shadow stack, nothing imported but the memory.

import type { Violation } from "./rules.ts";

export function kernelViolations(wat: string): readonly Violation[] {
  const found: Violation[] = [];
  for (const name of ["__new", "__stack_pointer", "__pin", "__collect", "__visit"]) {
    if (wat.includes(name)) found.push(`the kernels use managed objects: ${name}`);
  }
  for (const match of wat.matchAll(/\(import\s+"[^"]*"\s+"[^"]*"\s+\((\w+)/g)) {
    if (match[1] !== "memory") found.push(`the kernels import a ${match[1]}: ${match[0]}`);
  }
  return found;
}

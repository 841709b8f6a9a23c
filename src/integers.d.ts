// AssemblyScript's integer names as TypeScript sees them, so that `kernels/abi.ts` is one source for both sides.
// Apart from `globals.d.ts`, because everything that reaches the kernels' ABI is compiled with this file.

type i32 = number;
type u32 = number;

// Modules that Workers have and the Workers types do not declare; only what is used here.

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "node:crypto" {
  interface Hash {
    update(bytes: Uint8Array): Hash;
    digest(): Uint8Array<ArrayBuffer>;
  }
  export function createHash(algorithm: "sha256"): Hash;
}

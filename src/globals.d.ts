// The few web-standard globals that every runtime of Millrace has and that `src/` may use.
// `src/` is compiled with `types: []`, so what is not declared here does not exist for it:
// clocks, timers, randomness, files and the network come in through `platform` ports only.

declare class TextEncoder {
  /** For bytes of one's own call `utf8` of base/bytes.ts: the runtimes' types disagree about the result's buffer. */
  encode(input?: string): Uint8Array;
  encodeInto(input: string, target: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal: boolean; ignoreBOM: boolean });
  decode(input?: ArrayBufferView | ArrayBuffer, options?: { stream?: boolean }): string;
}

declare namespace WebAssembly {
  class Module {
    private constructor();
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, unknown>;
  }
  class RuntimeError extends Error {}
}

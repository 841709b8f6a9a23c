// The rules for one TypeScript file, each a function from path and text to what is wrong.
// `check_test.ts` applies them to the tree, `rules_test.ts` proves that each one finds a planted violation.

import { posix } from "node:path";
import { forbiddenPairs, layers, packagesOfTheCore } from "./layers.ts";
import { importsOf, lineAt, scan } from "./scan.ts";

export interface SourceFile {
  /** Relative to the top folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** `path:line: what is wrong`. */
export type Violation = string;
export type Rule = (file: SourceFile) => readonly Violation[];

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;

const at = (file: SourceFile, line: number, what: string): Violation => `${file.path}:${line}: ${what}`;
const inside = (file: SourceFile, folder: string): boolean => file.path.startsWith(`${folder}/`);

function matches(
  file: SourceFile,
  code: string,
  pattern: RegExp,
  what: (found: string) => string,
): readonly Violation[] {
  return [...code.matchAll(pattern)].map((match) => at(file, lineAt(code, match.index), what(match[0].trim())));
}

export const fileNames: Rule = (file) => {
  const name = posix.basename(file.path);
  const good = /^[a-z0-9]+(?:_[a-z0-9]+)*(?:\.cases|\.d)?\.tsx?$/.test(name);
  return good ? [] : [at(file, 1, "file names are snake_case")];
};

export const headers: Rule = (file) => {
  const first = file.text.replace(/^#!.*\n/, "").split("\n", 1)[0] ?? "";
  return /^(?:\/\/|\/\*).{20,}/.test(first) ? [] : [at(file, 1, "opens without a comment on what it is for")];
};

export const fileLength: Rule = (file) => {
  const lines = file.text.trimEnd().split("\n").length;
  return lines <= FILE_LINES_MAX ? [] : [at(file, lines, `has ${lines} lines, the limit is ${FILE_LINES_MAX}`)];
};

/** For kernels, which the linter does not read; elsewhere the linter measures functions. */
export const kernelFunctionLength: Rule = (file) => {
  if (!inside(file, "kernels")) return [];
  const { code } = scan(file.text);
  const found: Violation[] = [];
  for (const match of code.matchAll(/\bfunction\s+(\w+)/g)) {
    const start = code.indexOf("{", match.index);
    const lines = lineAt(code, closingBrace(code, start)) - lineAt(code, match.index) + 1;
    if (lines > FUNCTION_LINES_MAX) {
      found.push(
        at(file, lineAt(code, match.index), `${match[1]} has ${lines} lines, the limit is ${FUNCTION_LINES_MAX}`),
      );
    }
  }
  return found;
};

function closingBrace(code: string, start: number): number {
  let depth = 0;
  for (let index = start; index < code.length; index++) {
    if (code[index] === "{") depth++;
    if (code[index] === "}" && --depth === 0) return index;
  }
  return code.length;
}

export const decorators: Rule = (file) =>
  inside(file, "kernels") ? [] : matches(file, scan(file.text).code, /^\s*@[A-Za-z]\w*/gm, () => "has a decorator");

/** Written so that this file does not contain them. */
const UNFINISHED = new RegExp(
  `\\b(?:${["TO", "FIX", "XX", "HA"].map((one, index) => one + ["DO", "ME", "X", "CK"][index]).join("|")})\\b`,
  "g",
);

/** A type test expects errors, line by line, where something must not compile: there the compiler is the test. */
const isTypeTest = (file: SourceFile): boolean => inside(file, "tests") && file.path.endsWith("_types.ts");

export const unfinished: Rule = (file) => [
  ...matches(file, file.text, UNFINISHED, (found) => `is unfinished: ${found}`),
  ...matches(
    file,
    file.text,
    isTypeTest(file) ? /@ts-(?:ignore|nocheck)/g : /@ts-(?:ignore|nocheck|expect-error)/g,
    (found) => `silences the compiler: ${found}`,
  ),
  ...matches(
    file,
    scan(file.text).code,
    /\b(?:test|it|describe|suite)\s*\.\s*(?:skip|only|todo)\b|\b(?:skip|todo)\s*:\s*(?:true|"|')/g,
    (found) => `leaves tests out: ${found}`,
  ),
];

export const emptyCatch: Rule = (file) =>
  matches(file, scan(file.text).code, /\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}/g, () => "swallows an error");

/** Paths of one person's machine do not belong into the tree. */
export const machinePaths: Rule = (file) =>
  matches(
    file,
    file.text,
    /(?<![\w.$}*])\/(?:home|root|Users|work)\/\w+/g,
    (found) => `names a path of one machine: ${found}`,
  );

const before = "(?<![\\w$.#])";
const bannedInCore: readonly (readonly [pattern: RegExp, why: string])[] = [
  // A Date made from a given time, or from ISO text, is the same everywhere.
  [
    new RegExp(`${before}(?<!new\\s+)Date\\b(?!\\s*\\.\\s*(?:parse|UTC)\\b)|\\bnew\\s+Date\\s*(?:\\(\\s*\\)|;)`, "g"),
    "the clock is a port",
  ],
  [/\.\s*(?:get|set)(?:FullYear|Month|Date|Day|Hours|Minutes|TimezoneOffset)\b/g, "the time zone is the machine's"],
  [
    new RegExp(`${before}(?:performance|console|crypto|process|Deno|Bun|navigator)\\s*\\??[.[]`, "g"),
    "it is a runtime's",
  ],
  [new RegExp(`${before}(?:setTimeout|setInterval|setImmediate|queueMicrotask|fetch)\\s*\\(`, "g"), "it is a port's"],
  [/\bMath\s*\.\s*random\b/g, "randomness is a port"],
  [
    /\bMath\s*\.\s*(?:a?(?:sin|cos|tan)h?|atan2|exp|expm1|log|log1p|log2|log10|pow|cbrt|hypot)\b/g,
    "its last digits differ between runtimes",
  ],
  [new RegExp(`${before}(?:globalThis|Intl|WeakRef|FinalizationRegistry)\\b`, "g"), "it differs between runtimes"],
  [/\.\s*(?:toLocale\w*|localeCompare)\b/g, "it depends on the runtime's locale tables"],
];

export const bannedGlobals: Rule = (file) => {
  if (!inside(file, "src") || file.path.endsWith(".d.ts")) return [];
  const { code } = scan(file.text);
  // A parameter or constant of the same name, such as the port of the print sink, is not the global.
  const isOwn = (name: string): boolean => new RegExp(`(?:const|let|[(,{])\\s*${name}\\s*[:,}=)]`).test(code);
  return bannedInCore.flatMap(([pattern, why]) =>
    [...code.matchAll(pattern)]
      .filter((match) => !isOwn(/\w+/.exec(match[0])?.[0] ?? ""))
      .map((match) => at(file, lineAt(code, match.index), `uses ${match[0].trim()} — ${why}`)),
  );
};

const layerOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];
const orderOf = (folder: string): number => layers.findIndex((layer) => layer.folder === folder);
const packageOf = (target: string): string =>
  target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");

export const importOrder: Rule = (file) => {
  const own = layerOf(file.path);
  if (own === undefined) return [];
  if (orderOf(own) < 0) return [at(file, 1, `src/${own} is not in the list of layers`)];
  return importsOf(scan(file.text)).flatMap(({ target, line }) => {
    const why = whyNotInCore(file.path, own, target);
    return why === undefined ? [] : [at(file, line, `imports ${target}, ${why}`)];
  });
};

function whyNotInCore(path: string, own: string, target: string): string | undefined {
  if (!target.startsWith(".")) {
    return packagesOfTheCore.includes(packageOf(target)) ? undefined : "which is not a package that the core may use";
  }
  const resolved = posix.join(posix.dirname(path), target);
  if (/^kernels\/(?:\w+\/)?(?:abi|layout)\.ts$/.test(resolved)) return undefined;
  const other = layerOf(resolved);
  if (other === undefined) return "which is outside src";
  if (orderOf(other) < 0 || orderOf(other) > orderOf(own)) return `but ${other} does not stand before ${own}`;
  const apart = forbiddenPairs.some(([from, to]) => from === own && to === other);
  return apart ? `but ${own} never imports ${other}` : undefined;
}

/** Shared cases run on every runtime, so they may name none; kernels see nothing but themselves. */
export const runtimeFreeImports: Rule = (file) => {
  const shared = file.path.endsWith(".cases.ts");
  const kernel = inside(file, "kernels");
  if (!shared && !kernel) return [];
  return importsOf(scan(file.text)).flatMap(({ target, line }) => {
    const resolved = posix.join(posix.dirname(file.path), target);
    const fine = target.startsWith(".") && !resolved.startsWith("..") && !resolved.startsWith("adapters/");
    const allowed = kernel ? fine && resolved.startsWith("kernels/") : fine || target === "fast-check";
    return allowed ? [] : [at(file, line, `imports ${target}, which not every runtime has`)];
  });
};

export const rules: Readonly<Record<string, Rule>> = {
  "file names are snake_case": fileNames,
  "every file opens with a comment that says what it is for": headers,
  "no file is longer than 500 lines": fileLength,
  "no function of a kernel is longer than 70 lines": kernelFunctionLength,
  "only kernels have decorators": decorators,
  "nothing is left unfinished, silenced or skipped": unfinished,
  "no error is swallowed": emptyCatch,
  "no file names a path of one machine": machinePaths,
  "the core uses no clock, randomness, network or runtime": bannedGlobals,
  "a folder of the core imports only earlier ones": importOrder,
  "kernels and shared cases import no runtime": runtimeFreeImports,
};

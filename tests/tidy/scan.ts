// Reads TypeScript just far enough for the checks: where comments and texts are, what is imported.
// No compiler: its API would be a dependency for the sake of a few patterns.

export interface Scanned {
  /** Same length and lines; comments and the insides of texts and patterns are blanks. */
  readonly code: string;
  /** Same length and lines; comments only are blanks. */
  readonly withTexts: string;
}

const PATTERN_MAY_FOLLOW = /(?:^|[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$/;

/** Blanks comments, texts and patterns; code inside `${}` of a template stays code. */
export function scan(source: string): Scanned {
  const code = [...source];
  const withTexts = [...source];
  const blank = (from: number, to: number, also: boolean): void => {
    for (let at = from; at < to; at++) {
      if (source[at] === "\n") continue;
      code[at] = " ";
      if (also) withTexts[at] = " ";
    }
  };
  /** For each open `${`, the depth of braces around it. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const skipTemplate = (start: number): number => {
    const end = endOfTemplatePiece(source, start);
    blank(start, end, false);
    if (source.startsWith("${", end)) {
      templates.push(depth);
      return end + 2;
    }
    return end + 1;
  };
  while (at < source.length) {
    const char = source[at] as string;
    if (source.startsWith("//", at)) {
      const end = endOf(source, "\n", at);
      blank(at, end, true);
      at = end;
    } else if (source.startsWith("/*", at)) {
      const end = endOf(source, "*/", at) + 2;
      blank(at, end, true);
      at = end;
    } else if (char === '"' || char === "'") {
      const end = endOfQuoted(source, at + 1, char);
      blank(at + 1, end, false);
      at = end + 1;
    } else if (char === "`") {
      at = skipTemplate(at + 1);
    } else if (char === "/" && PATTERN_MAY_FOLLOW.test(code.slice(Math.max(0, at - 80), at).join(""))) {
      const end = endOfPattern(source, at + 1);
      blank(at + 1, end, false);
      at = end + 1;
    } else if (char === "}" && templates.at(-1) === depth) {
      templates.pop();
      at = skipTemplate(at + 1);
    } else {
      if (char === "{") depth++;
      if (char === "}") depth--;
      at++;
    }
  }
  return { code: code.join(""), withTexts: withTexts.join("") };
}

function endOf(source: string, mark: string, from: number): number {
  const found = source.indexOf(mark, from);
  return found < 0 ? source.length : found;
}

function endOfQuoted(source: string, from: number, quote: string): number {
  let at = from;
  while (at < source.length && source[at] !== quote && source[at] !== "\n") at += source[at] === "\\" ? 2 : 1;
  return at;
}

function endOfTemplatePiece(source: string, from: number): number {
  let at = from;
  while (at < source.length && source[at] !== "`" && !source.startsWith("${", at)) at += source[at] === "\\" ? 2 : 1;
  return at;
}

function endOfPattern(source: string, from: number): number {
  let inClass = false;
  for (let at = from; at < source.length && source[at] !== "\n"; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === "[") inClass = true;
    else if (source[at] === "]") inClass = false;
    else if (source[at] === "/" && !inClass) return at;
  }
  return source.length;
}

export interface Import {
  readonly target: string;
  readonly line: number;
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s*)(["'])([^"'\n]+)\1/g;

export function importsOf(scanned: Scanned): readonly Import[] {
  return [...scanned.withTexts.matchAll(IMPORT)]
    .filter((match) => scanned.code.startsWith(match[0].slice(0, 4), match.index))
    .map((match) => ({ target: match[2] as string, line: lineAt(scanned.code, match.index) }));
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

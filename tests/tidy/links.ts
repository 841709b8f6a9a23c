// Links in Markdown: every one that stays inside the project must lead to a file, and to a heading in it.

import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { read, rootPath } from "./tree.ts";
import type { SourceFile, Violation } from "./rules.ts";

const LINK = /\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g;

export function brokenLinks(file: SourceFile): readonly Violation[] {
  const prose = file.text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
  return [...prose.matchAll(LINK)].flatMap((match) => {
    const target = match[1] as string;
    if (/^[a-z]+:/.test(target)) return [];
    const [path, anchor] = target.split("#", 2) as [string, string | undefined];
    const resolved = path === "" ? file.path : posix.join(posix.dirname(file.path), path);
    if (path !== "" && !existsSync(join(rootPath, resolved)))
      return [`${file.path}: links to ${target}, which does not exist`];
    if (anchor === undefined || !resolved.endsWith(".md")) return [];
    const text = resolved === file.path ? file.text : read(resolved).text;
    return headingsOf(text).includes(anchor) ? [] : [`${file.path}: links to ${target}, but there is no such heading`];
  });
}

const headingsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+\s+(.*)$/gm)].map((match) =>
    (match[1] as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-"),
  );

// Numbers, times and tables as text for people. No locale: the same everywhere.

/** 3,000,000 */
export const grouped = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");

/** `2001-02-12 08:00`, UTC. */
export function minuteOf(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? "?" : date.toISOString().slice(0, 16).replace("T", " ");
}

export const secondsOf = (ms: number): string => (ms / 1000).toFixed(1);

/** `[######----]  60 %` */
export function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${"#".repeat(filled)}${"-".repeat(width - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}

export interface TextColumn {
  readonly title: string;
  readonly right?: boolean;
}

/** Columns as wide as their widest cell, two spaces apart. */
export function table(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ right }, index) => {
        const cell = cells[index] ?? "";
        const width = widths[index] ?? 0;
        return right === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [
    line(columns.map((one) => one.title)),
    widths.map((width) => "-".repeat(width)).join("  "),
    ...rows.map(line),
  ];
}

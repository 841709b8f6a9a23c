// Offsets as the protocol sees them: opaque texts whose order as text is the order of the log.
// Two groups of 16 digits: the first is kept for generations of a log's storage and is zero today.

const PREFIX = "0000000000000000_";
const OFFSET = /^0{16}_([0-9]{16})$/;

export const formatOffset = (sequence: number): string => PREFIX + String(sequence).padStart(16, "0");

/** A sequence, the place that a word names, or undefined where the text is no offset. */
export function parseOffset(text: string): number | "now" | undefined {
  if (text === "-1") return 0;
  if (text === "now") return "now";
  const digits = OFFSET.exec(text)?.[1];
  const sequence = digits === undefined ? undefined : Number(digits);
  return sequence !== undefined && Number.isSafeInteger(sequence) ? sequence : undefined;
}

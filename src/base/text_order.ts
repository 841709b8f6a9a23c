// Order of texts by their UTF-8 bytes, without making the bytes: that is the order of the code points.
// JavaScript's own `<` orders UTF-16 units, which puts the planes above the basic one before U+E000.

/** Negative, zero or positive. */
export function compareText(left: string, right: string): number {
  const shared = left.length < right.length ? left.length : right.length;
  for (let at = 0; at < shared; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a === b) continue;
    const surrogateA = a >= 0xd800 && a <= 0xdfff;
    const surrogateB = b >= 0xd800 && b <= 0xdfff;
    if (surrogateA === surrogateB) return a - b;
    return surrogateA ? 1 : -1;
  }
  return left.length - right.length;
}

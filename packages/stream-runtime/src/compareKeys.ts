/**
 * Order of the UTF-8 bytes of two strings. JavaScript compares UTF-16 units, which differs where surrogate pairs
 * (U+10000 and above) meet U+E000 to U+FFFF; everything else agrees.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return fixUp(x) - fixUp(y)
  }
  return a.length - b.length
}

/** Moves surrogates behind the rest of the basic plane, as code points are. */
function fixUp(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

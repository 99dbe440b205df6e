/** The numbers of hashText64 in packages/domain. */
const FIRST = 0xcc9e2d51
const SECOND = 0x1b873593
const ADDED = 0xe6546b64
const SEED = 0x9e3779b9
const FINAL_FIRST = 0x85ebca6b
const FINAL_SECOND = 0xc2b2ae35

/** 32 bits of a product or a sum of 64. */
const low = (expression: string): string => `bitAnd(${expression}, 4294967295)`

const rotated = (expression: string, bits: number): string =>
  `bitOr(${low(`bitShiftLeft(${expression}, ${bits})`)}, bitShiftRight(${expression}, ${32 - bits}))`

const shifted = (hash: string, shift: number, factor: number): string =>
  low(`bitXor(${hash}, bitShiftRight(${hash}, ${shift})) * ${factor}`)

/** A value under a name, within an expression. */
const letting = (name: string, value: string, expression: string): string =>
  `arrayMap(${name} -> ${expression}, [${value}])[1]`

/** Where a profile stands in ten thousandths of a hundred, as sampleOf in packages/domain says; `id` is its id. */
export function sampleSql(salt: string, id: string): string {
  // UTF-16 units, as the hash reads a text.
  const text = `${salt}\n`
  const before = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
  const ofId = `arrayMap(i -> toUInt16(ascii(substring(${id}, i, 1))), range(1, length(${id}) + 1))`
  const unit = low(`toUInt64(code) * ${FIRST}`)
  const mixed = low(`${rotated(unit, 15)} * ${SECOND}`)
  const turned = rotated(`bitXor(hash, ${mixed})`, 13)
  const step = low(`${turned} * 5 + ${ADDED}`)
  const folded = `arrayFold((hash, code) -> toUInt64(${step}), codes, toUInt64(${SEED}))`
  const ten = 'bitXor(last, bitShiftRight(last, 16)) % 1000000'
  const last = letting('last', shifted('mixed', 13, FINAL_SECOND), ten)
  const finished = letting('mixed', shifted('folded', 16, FINAL_FIRST), last)
  const whole = letting('folded', `bitXor(${folded}, length(codes))`, finished)
  return letting('codes', `arrayConcat([${before.join(', ')}], ${ofId})`, whole)
}

/*
 * Positions of array elements: texts that sort (by code unit) as the elements stand, dense like fractions, and
 * unique, so that a position is an element's identity too.
 *
 * A position begins with an integer, so that adding at the ends for years costs few digits: a letter says how many
 * follow (`a` one … `z` 26, and below zero `Z` one … `A` 26).
 */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BASE = DIGITS.length
const HEADS = DIGITS.slice(10)
const ZERO = 'a0'

/** Positions are read from documents that anybody may have written. */
export function isPosition(text: string): boolean {
  return /^[0-9A-Za-z]*[1-9A-Za-z]$/.test(text)
}

/**
 * Positions after `left` and before `right` (undefined = the end on that side), which stay together whatever others
 * insert there. Made unique by `suffix`: digits and letters that no other writer uses.
 */
export function between(
  left: string | undefined,
  right: string | undefined,
  count: number,
  suffix: string,
): string[] {
  const prefix = `${gap(left, right)}${suffix}`
  // No position may end in the lowest digit: nothing would fit before it.
  if (count === 1) return [`${prefix}1`]
  const positions: string[] = []
  for (let n = ZERO; positions.length < count; n = step(n, 1) as string) {
    positions.push(`${prefix}${n}1`)
  }
  return positions
}

/** The position of an element that stands in a record's initial attributes, `fingerprint` being hex digits. */
export function initialPosition(index: number, fingerprint: string): string {
  let digits = ''
  for (let rest = index, i = 0; i < 4; i++, rest = Math.floor(rest / BASE)) {
    digits = DIGITS[rest % BASE] + digits
  }
  return `d${digits}${fingerprint}1`
}

/** A text between the two that is no prefix of `right`, so that whatever is appended stays between. */
function gap(left: string | undefined, right: string | undefined): string {
  if (left === undefined && right === undefined) return ZERO
  if (right === undefined) return step(left as string, 1) ?? midpoint(left as string, undefined)
  if (left === undefined) return step(right, -1) ?? midpoint('', right)
  return midpoint(left, right)
}

/** The integer that a position begins with, and one more or less; undefined where there is none. */
function step(position: string, by: 1 | -1): string | undefined {
  const head = HEADS.indexOf(position[0] as string)
  const digits = position.slice(1, digitCount(head) + 1)
  if (head < 0 || digits.length < digitCount(head)) return undefined
  const edge = by > 0 ? '0' : 'z'
  for (let i = digits.length - 1; i >= 0; i--) {
    const digit = DIGITS[DIGITS.indexOf(digits[i] as string) + by]
    if (digit) {
      return HEADS[head] + digits.slice(0, i) + digit + edge.repeat(digits.length - 1 - i)
    }
  }
  const next = HEADS[head + by]
  return next && next + edge.repeat(digitCount(head + by))
}

function digitCount(head: number): number {
  return head < 26 ? 26 - head : head - 25
}

function midpoint(left: string, right: string | undefined): string {
  let prefix = ''
  let isBelowRight = right === undefined
  for (let i = 0; ; i++) {
    const low = DIGITS.indexOf(left[i] ?? '0')
    const high = isBelowRight ? BASE : DIGITS.indexOf(right?.[i] ?? '0')
    if (high - low > 1) return prefix + DIGITS[Math.floor((low + high) / 2)]
    prefix += DIGITS[low]
    // Once below `right`, only `left` bounds what follows.
    isBelowRight ||= high > low
  }
}

/*
 * Positions of array elements: texts that sort (by code unit) as the elements stand, dense like fractions, and
 * unique, so that a position is an element's identity too.
 */

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BASE = DIGITS.length

/** Positions are read from documents that anybody may have written. */
export function isPosition(text: string): boolean {
  return /^[0-9A-Za-z]{0,1023}[1-9A-Za-z]$/.test(text)
}

/**
 * A position after `left` and before `right` (undefined = the end on that side), made unique by `suffix`:
 * digits and letters that no other writer uses.
 */
export function between(
  left: string | undefined,
  right: string | undefined,
  suffix: string,
): string {
  // No position may end in the lowest digit: nothing would fit before it.
  return `${midpoint(left ?? '', right)}${suffix}1`
}

/** The position of an element that stands in a record's initial attributes, `fingerprint` being hex digits. */
export function initialPosition(index: number, fingerprint: string): string {
  let digits = ''
  for (let rest = index, i = 0; i < 4; i++, rest = Math.floor(rest / BASE)) {
    digits = DIGITS[rest % BASE] + digits
  }
  return `${digits}${fingerprint}1`
}

/** A text between the two that is no prefix of `right`, so that whatever is appended stays between. */
function midpoint(left: string, right: string | undefined): string {
  let prefix = ''
  for (let i = 0; ; i++) {
    const low = DIGITS.indexOf(left[i] ?? '0')
    const high = right === undefined ? BASE : DIGITS.indexOf(right[i] ?? '0')
    if (high - low > 1) {
      // Appending, the usual case, goes up in small steps, so that positions stay short.
      const appends = right === undefined && low > 0
      return prefix + DIGITS[appends ? low + 1 : Math.floor((low + high) / 2)]
    }
    prefix += DIGITS[low]
    // Once below `right`, only `left` bounds what follows.
    if (high > low) return prefix + midpoint(left.slice(i + 1), undefined)
  }
}

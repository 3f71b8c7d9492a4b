/** Who comes with this token is turned away, if there is anybody who looks at tokens. */
export const NOBODY = 'nobody'

/** What single values of the message table may be. Whoever writes and whoever reads checks the same. */

/** A value that is not what its field says. The path grows from the inside out. */
export class FieldProblem extends Error {
  path = ''

  constructor(readonly why: string) {
    super(why)
  }

  within(outer: string): this {
    this.path = outer + this.path
    return this
  }
}

export const wrong = (why: string): never => {
  throw new FieldProblem(why)
}

/** Whether text takes at most so many bytes in UTF-8. */
export const fits = (value: string, bytesMax: number): boolean =>
  value.length * 3 <= bytesMax || (value.length <= bytesMax && Buffer.byteLength(value) <= bytesMax)

export const checkProse = (value: unknown, bytesMax: number): string => {
  if (typeof value !== 'string') return wrong('must be text')
  if (!fits(value, bytesMax)) return wrong(`must be at most ${bytesMax} bytes`)
  return value.isWellFormed() ? value : wrong('must not have half a surrogate pair')
}

export const checkName = (value: unknown, bytesMax: number): string => {
  const checked = checkProse(value, bytesMax)
  return checked.includes('\0') ? wrong('must not have a NUL') : checked
}

/** Bytes, or on their way out several in a row, as if they were one. */
export type Bytes = Buffer | readonly Buffer[]

export const checkBytes = (value: unknown, exactly: number | undefined): Buffer => {
  if (!Buffer.isBuffer(value)) return wrong('must be bytes')
  if (exactly !== undefined && value.length !== exactly && value.length !== 0) wrong(`must be ${exactly} bytes or none`)
  return value
}

/** -0 is no whole number: its bytes would differ from those of its equal. */
export const checkUint = (value: unknown, max: number): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || Object.is(value, -0)) {
    return wrong('must be a whole number from 0')
  }
  return value <= max ? value : wrong(`must be at most ${max}`)
}

export const checkFlag = (value: unknown): boolean =>
  typeof value === 'boolean' ? value : wrong('must be true or false')

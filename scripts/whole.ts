/** A whole number above 0 from the environment, so that a slip of the pen does not check nothing and pass. */
export const wholeFrom = (name: string, fallback: number): number => {
  const value = Number(process.env[name] || fallback)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number above 0.`)
  return value
}

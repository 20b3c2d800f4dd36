/** The program that measures one point of a curve. `serve` is its other program, as in ask.ts. */
import { fileURLToPath } from 'node:url'
import { CURVES } from './curve-list.js'
import { serve } from './pair.js'

const measure = async (name: string, x: number): Promise<void> => {
  const curve = CURVES[name]
  if (curve === undefined) throw new Error(`There is no curve ${name}: ${Object.keys(CURVES).join(', ')}.`)
  const values = await curve.measure(x, fileURLToPath(import.meta.url))
  process.send?.(values, () => process.exit(0))
}

const [role = '', ...rest] = process.argv.slice(2)
if (role === 'serve') await serve(rest)
else await measure(role, Number(rest[0]))

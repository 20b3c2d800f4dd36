/** `make demo`, shorter: two OS processes, real TCP. What it checks is judged by the demo itself. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { test } from 'tap'

/** Of both worlds, or of one: a name and its numbers, one for each world. */
const row = (output: string, name: string): string[] => {
  const line = output.split('\n').find((one) => one.startsWith(`${name}  `))
  return (
    line
      ?.slice(name.length)
      .trim()
      .split(/\s{2,}/) ?? []
  )
}

const demo = async (args: readonly string[], moves: string) => {
  const env = { ...process.env, DEMO_MOVES: moves }
  const file = 'dist/scripts/demo.js'
  const child = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const code = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, output, errors }
}

test('G3: the demo moves a counter inside a cluster and outside; nothing is lost, doubled or reordered', async (t) => {
  const { code, output, errors } = await demo([], '10')
  t.equal(code, 0, `${output}${errors}`)
  t.match(output, 'The promise held.')
  for (const name of ['calls failed', 'lost', 'doubled', 'reordered']) t.same(row(output, name), ['0', '0'], name)
  t.same(row(output, 'casts counted'), row(output, 'casts sent'), 'each cast was counted')
  for (const moves of row(output, 'moves')) t.match(moves, /^10 in /)
})

test('the demo says what is wrong with its settings, and fails', async (t) => {
  const { code, errors } = await demo([], 'many')
  t.not(code, 0)
  t.match(errors, 'DEMO_MOVES must be a whole number above 0.')
})

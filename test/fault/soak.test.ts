/** `make soak`, shorter: it holds on a sound program, and finds each leak that is planted in it. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import t from 'tap'

t.setTimeout(240_000)

const soak = async (seconds: string, leak = '') => {
  const args = ['dist/scripts/soak.js', '--seconds', seconds]
  const env = { ...process.env, NODE_OPTIONS: '', LEAK: leak }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const code = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, output, errors }
}

const total = (output: string, what: string): number => {
  const line = output.split('\n').find((one) => one.startsWith(`${what}  `))
  return Number(line?.slice(what.length).replaceAll(',', ''))
}

// Most of its time a short soak waits for what is forgotten with time: they wait together.
const sound = soak('5')
const leaks = [
  ['timer', soak('2', 'timer'), /open Timeout: \d+, at the start \d+/],
  ['socket', soak('2', 'socket'), /open TCPSocketWrap: \d+, at the start \d+/],
  ['heap', soak('5', 'heap'), /the heap grew by [\d.]+ MiB in the last three quarters/],
  ['lost', soak('2', 'lost'), /of \d+ casts of a1 \d+ came/],
] as const

t.test('G3, G15: moves, calls, cuts, a guest that comes and goes: nothing grows, nothing is lost', async (t) => {
  const { code, output, errors } = await sound
  t.equal(code, 0, errors)
  for (const what of ['lost', 'doubled', 'reordered', 'calls failed']) t.equal(total(output, what), 0, what)
  for (const what of ['moves inside', 'moves outside', 'calls', 'casts', 'starts and stops', 'links cut'])
    t.ok(total(output, what) > 0, `there were ${what}`)
})

for (const [leak, run, found] of leaks) {
  t.test(`a planted leak is found: ${leak}`, async (t) => {
    const { code, errors } = await run
    t.equal(code, 1)
    t.match(errors, found)
  })
}

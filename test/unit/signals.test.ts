/** What a signal does to a program with several nodes, without a program. */
import { EventEmitter } from 'node:events'
import t from 'tap'
import { Signals } from '../../src/base/signals.js'

class Program extends EventEmitter {
  readonly exits: number[] = []
  readonly #waiting: Array<(code: number) => void> = []

  exit(code: number): void {
    this.exits.push(code)
    for (const resolve of this.#waiting.splice(0)) resolve(code)
  }

  get exited(): Promise<number> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

t.test('nothing is listened to before, or after, somebody asks for it', async (t) => {
  const program = new Program()
  const signals = new Signals(program)
  t.equal(program.listenerCount('SIGTERM'), 0)
  const deaf = [signals.add(async () => true), signals.add(async () => true)]
  t.equal(program.listenerCount('SIGTERM') + program.listenerCount('SIGINT'), 2)
  deaf[0]?.()
  t.equal(program.listenerCount('SIGTERM'), 1)
  deaf[1]?.()
  t.equal(program.listenerCount('SIGTERM') + program.listenerCount('SIGINT'), 0)
})

t.test('the program ends when all have left: 0, or 1 when one left something behind or failed', async (t) => {
  for (const [code, ...ends] of [
    [0, Promise.resolve(true), Promise.resolve(true)],
    [1, Promise.resolve(true), Promise.resolve(false)],
    [1, Promise.resolve(true), Promise.reject(new Error('no'))],
  ] as const) {
    const program = new Program()
    const signals = new Signals(program)
    for (const end of ends) signals.add(() => end)
    const { exited } = program
    program.emit('SIGTERM', 'SIGTERM')
    t.equal(await exited, code)
    t.equal(program.listenerCount('SIGTERM'), 0)
  }
})

t.test('the second signal ends it at once, whichever it is, also when the first node has let go', async (t) => {
  for (const [second, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const program = new Program()
    const signals = new Signals(program)
    const deaf = signals.add(() => new Promise(() => {}))
    program.emit('SIGTERM', 'SIGTERM')
    deaf()
    t.same(program.exits, [])
    program.emit(second, second)
    t.same(program.exits, [code])
  }
})

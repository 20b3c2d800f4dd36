/** A node in a program of its own, that is told what to do and says what happened. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

// biome-ignore lint/suspicious/noExplicitAny: what a node says, whoever asked it knows
type Said = any

export class Program {
  readonly name: string
  readonly #child: ChildProcess
  readonly #answers = new Map<number, (result: Said) => void>()
  readonly #events: Said[] = []
  readonly #heard = new Set<() => void>()
  address = ''
  #lastId = 0

  /** @param args  its name comes first */
  constructor(path: string, args: readonly [string, ...string[]]) {
    this.name = args[0]
    this.#child = fork(path, args)
    this.#child.on('message', (said: Said) => {
      if (said.ready !== undefined) this.address = said.ready
      if (said.event !== undefined) this.#events.push({ ...said.event, at: performance.now() })
      this.#answers.get(said.id)?.(said.result)
      for (const look of [...this.#heard]) look()
    })
  }

  ask(what: string, more: object = {}): Promise<Said> {
    this.#lastId += 1
    const id = this.#lastId
    this.#child.send({ id, do: what, ...more })
    return new Promise((resolve) => this.#answers.set(id, resolve))
  }

  /** Resolves when `found` finds something in what it said. */
  until<T>(found: (events: readonly Said[]) => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const result = found(this.#events)
        if (result === undefined) return
        this.#heard.delete(look)
        resolve(result)
      }
      this.#heard.add(look)
      look()
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** As a deploy does it. @returns its exit code */
  async terminate(): Promise<number> {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    return (await exited)[0] as number
  }
}

/** Resolves when it listens. */
export const begin = async (path: string, args: readonly [string, ...string[]]): Promise<Program> => {
  const program = new Program(path, args)
  await program.until(() => (program.address === '' ? undefined : true))
  return program
}

/**
 * A prompt with top-level await, at a terminal and from a pipe.
 *
 *   at a terminal   node:repl as it is
 *   from a pipe     node:repl alone starts the next line before the `await` of the last one has ended, so lines are fed
 *                   to it one by one, each when the one before has finished; after the last one the prompt ends
 *
 * The lines run in this realm (useGlobal): an array of another one is no plain array, and could not travel.
 */

import { clearLine, createInterface, cursorTo } from 'node:readline'
import { type REPLServer, start } from 'node:repl'
import { PassThrough, Writable } from 'node:stream'
import { inspect } from 'node:util'
import { isMobilityError } from 'proc-mobility'

export interface Prompt {
  /** Resolves when the user leaves: with 1 when a line from the pipe failed, else 0. */
  readonly left: Promise<number>
  /** Writes a line to stderr without tearing apart what the user types. */
  say(line: string): void
}

const options = { ...inspect.defaultOptions, colors: false }

/** Errors of the library with code and text, everything else as node shows it. */
const show = (value: unknown): string => {
  if (isMobilityError(value)) return `${value.code}: ${value.message}`
  if (value instanceof SyntaxError) return `SyntaxError: ${value.message}`
  const text = inspect(value, options)
  // node:repl takes the stack off what a line threw, and inspect puts brackets around an error without one.
  return value instanceof Error ? text.replace(/^\[(.*)\]$/s, '$1') : text
}

export const openPrompt = (name: string, scope: object): Prompt =>
  process.stdin.isTTY ? atTerminal(name, scope) : fromPipe(scope)

const atTerminal = (name: string, scope: object): Prompt => {
  const server = start({ prompt: `${name}> `, writer: show, useGlobal: true })
  Object.assign(server.context, scope)
  const left = new Promise<number>((resolve) => server.once('exit', () => resolve(0)))
  const say = (line: string): void => {
    clearLine(process.stdout, 0)
    cursorTo(process.stdout, 0)
    process.stderr.write(`${line}\n`)
    server.displayPrompt(true)
  }
  return { left, say }
}

const fromPipe = (scope: object): Prompt => ({
  left: feed(scope),
  say: (line) => void process.stderr.write(`${line}\n`),
})

/** Written by `show` in front of each result, so that results and what a line prints itself are told apart. */
const MARK = '\u0000'

const feed = async (scope: object): Promise<number> => {
  let failed = false
  let whole = true
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const text = chunk.toString()
      if (text.includes(MARK)) whole = true
      if (text.startsWith('Uncaught') && text.includes(MARK)) failed = true
      process.stdout.write(text.replaceAll(MARK, ''))
      done()
    },
  })
  const input = new PassThrough()
  const writer = Object.assign((value: unknown) => `${MARK}${show(value)}`, { options })
  const server: REPLServer = start({ prompt: '', input, output, terminal: false, writer, useGlobal: true })
  Object.assign(server.context, scope)
  const exit = new Promise<void>((resolve) => server.once('exit', resolve))
  let left = false
  void exit.then(() => {
    left = true
  })
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '' && whole) continue
    whole = false
    const finished = new Promise<void>((resolve) => {
      server.displayPrompt = () => resolve()
    })
    input.write(`${line}\n`)
    await Promise.race([finished, exit])
    if (left) return failed ? 1 : 0
  }
  if (!whole) process.stdout.write('Uncaught SyntaxError: Unexpected end of input\n')
  server.close()
  return failed || !whole ? 1 : 0
}

/** Has questions answered, each by a program of its own; keeps what they said. */
import { fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pace } from './measure.js'
import type { Answered } from './question.js'
import { QUESTIONS } from './questions.js'

/** Not in git; `make clean` removes it. */
export const FOLDER = 'dist/bench'

/** @param root  of the tree whose build is asked. Default: this one */
export const ask = (question: string, pace: Pace, root = '.'): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const args = [question, JSON.stringify(pace)]
    const child = fork('dist/scripts/bench/ask.js', args, { cwd: root, serialization: 'advanced' })
    child.once('message', (answered: Answered) => resolve(answered))
    child.once('exit', (code) => reject(new Error(`the question ${question} ended with ${code}, and no answer`)))
  })

/** @throws when one is named that there is not */
export const chosen = (named: readonly string[]): string[] => {
  const known = Object.keys(QUESTIONS)
  const unknown = named.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')}: ${known.join(', ')}.`)
  return named.length === 0 ? known : known.filter((name) => named.includes(name))
}

export const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\x1b[2K${text}\r`)
}

interface Output {
  readonly date: string
  /** It is of everything, in full: the page is made of it. */
  readonly whole: boolean
  /** Default: dist/bench */
  readonly folder?: string
}

/** @returns the path of the file; the newest that is whole is also `<name>-latest.json` */
export const writeJson = (name: string, { date, whole, folder = FOLDER }: Output, value: unknown): string => {
  mkdirSync(folder, { recursive: true })
  const text = `${JSON.stringify(value, undefined, 1)}\n`
  const path = join(folder, `${name}-${date.replaceAll(':', '-')}.json`)
  writeFileSync(path, text)
  if (whole) writeFileSync(join(folder, `${name}-latest.json`), text)
  return path
}

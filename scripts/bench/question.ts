/** What a question is given, and what it gives back. */
import type { Pace } from './measure.js'
import type { Row } from './rows.js'

export interface Asked {
  /** The script whose `serve` is the other program. */
  readonly file: string
  readonly pace: Pace
}

/** Its rows, and why some are missing. */
export interface Answer {
  readonly rows: readonly Row[]
  readonly note?: string
}

export type Question = (asked: Asked) => Promise<Answer>

/** An answer, and what it took. */
export interface Answered extends Answer {
  readonly question: string
  readonly seconds: number
  /** The most memory that the asking program had, in MiB. */
  readonly rssMiB: number
}

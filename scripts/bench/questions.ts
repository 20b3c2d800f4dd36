/** What can be asked, in the order of the table. One file each. */
import type { Question } from './question.js'
import { bulk } from './questions/bulk.js'
import { calls } from './questions/calls.js'
import { casts } from './questions/casts.js'
import { cores } from './questions/cores.js'
import { many } from './questions/many.js'
import { memory } from './questions/memory.js'
import { moves } from './questions/moves.js'
import { pause } from './questions/pause.js'
import { peers } from './questions/peers.js'

export const QUESTIONS: Readonly<Record<string, Question>> = {
  calls,
  casts,
  moves,
  pause,
  many,
  memory,
  bulk,
  cores,
  peers,
}

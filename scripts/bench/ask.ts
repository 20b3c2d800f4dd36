/**
 * The program that answers one question: what it measures, no other question has warmed up or filled with garbage.
 *
 *   main.ts | compare.ts --fork--> ask.ts <question> <pace>  --rows--> parent
 *                                     '--fork--> ask.ts serve: node b, and the baseline's servers
 */
import { fileURLToPath } from 'node:url'
import type { Pace } from './measure.js'
import { serve } from './pair.js'
import type { Answered } from './question.js'
import { QUESTIONS } from './questions.js'

const answer = async (name: string, pace: Pace): Promise<void> => {
  const question = QUESTIONS[name]
  if (question === undefined) throw new Error(`There is no question ${name}: ${Object.keys(QUESTIONS).join(', ')}.`)
  const began = performance.now()
  const answer = await question({ file: fileURLToPath(import.meta.url), pace })
  const [seconds, rssMiB] = [(performance.now() - began) / 1_000, process.resourceUsage().maxRSS / 1_024]
  const answered: Answered = { question: name, seconds, rssMiB, ...answer }
  process.send?.(answered, () => process.exit(0))
}

const [role = '', ...rest] = process.argv.slice(2)
if (role === 'serve') await serve(rest)
else await answer(role, JSON.parse(rest[0] ?? '') as Pace)

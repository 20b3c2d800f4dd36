/** The first state of a new life. */
import { fail } from '../base/errors.js'
import { stateValueLimits } from '../wire/codec.js'
import { copyPortable } from '../wire/portable.js'
import { exitText, InitIgnore, InitStop } from './directives.js'
import type { Process } from './host.js'
import type { AnyKind } from './kind.js'

export interface ProcessStart {
  readonly name: string
  readonly kind: AnyKind
  readonly args: readonly unknown[]
  readonly epoch: number
  readonly line: number
}

/** What is at rest, else what init makes. @throws ERR_START_IGNORED ERR_START_FAILED, and what keeper and init throw */
export const bear = async (process: Process): Promise<unknown> => {
  const { name, args, kind, host } = process
  const kept = await host.keeper?.begin(process)
  if (kept !== undefined) return kept.state
  // A copy: what init does to them must not reach a restart.
  const own = copyPortable(args, 'args', stateValueLimits(host.limits)).copy as unknown[]
  const made = await kind.spec.init(...own)
  if (made instanceof InitIgnore) throw fail('ERR_START_IGNORED', { name })
  if (made instanceof InitStop) throw fail('ERR_START_FAILED', { name, reason: exitText(made.reason) })
  return made
}

/**
 * Two lives of one name met: this copy has the name, and the other one's state is offered to it. The kind's
 * `resolveConflict` makes one of both, in the process's own loop, between two messages. Only here: so both sides come
 * to the same result, whichever it is.
 *
 *   offered --upgrade, alterHandover, schema--> theirs --resolveConflict(mine, theirs)--> the state, `merged`
 *                                                 '--it throws, or says what does not fit--> as it was, `merged` not ok
 */
import { fail, type MobilityError, reasonOf } from '../base/errors.js'
import { parseOrigin } from '../base/ids.js'
import { within } from '../base/within.js'
import { stateValueLimits } from '../wire/codec.js'
import { copyInSlices } from '../wire/slices.js'
import type { Process } from './host.js'
import type { SystemMessage } from './mailbox.js'
import { failure, success } from './outcome.js'
import { rehydrate } from './rehydrate.js'
import { validate } from './schema.js'

/** A state that is offered to who has the name. */
type Merge = Extract<SystemMessage, { what: 'merge' }>

/** @throws whatever the callbacks throw */
const resolve = async (process: Process, { version, handed }: Merge): Promise<unknown> => {
  const { kind, name, host } = process
  const { resolveConflict, schema } = kind.spec
  if (resolveConflict === undefined) throw new Error('the kind has no resolveConflict here')
  const over = (): MobilityError | undefined =>
    process.phase === 'running' ? undefined : fail('ERR_STOPPED', { name, reason: 'it ended' })
  const slicing = { clock: host.clock, valuesMax: host.limits.sliceValuesMax, over }
  const theirs = await rehydrate(kind, name, host.node, version, handed)
  // A copy: what a callback that throws has done to it must not count.
  const mine = await copyInSlices(process.state, 'state', stateValueLimits(host.limits), slicing)
  const made = await resolveConflict(mine, theirs)
  // What cannot travel would be noticed at the next move only.
  const state = await copyInSlices(made, 'state', stateValueLimits(host.limits), slicing)
  if (schema === undefined) return state
  const checked = await validate(schema, state)
  if ('issue' in checked) throw new Error(checked.issue)
  return checked.value
}

/** Only while no handler runs, and none starts until it resolves. Never throws. */
export const merge = async (process: Process, offer: Merge): Promise<void> => {
  const { name, epoch, host } = process
  const from = parseOrigin(offer.by)?.node ?? ''
  const ms = host.limits.moveTimeoutMs
  try {
    const late = () => fail('ERR_TIMEOUT', { what: `resolveConflict of ${name}`, ms })
    const state = await within(host.clock, ms, resolve(process, offer), late)
    if (process.phase !== 'running') return
    process.state = state
    host.events.emit('merged', { name, epoch, from, ok: true, reason: '' })
    if (offer.from !== undefined) process.answerLater(offer.from, success(undefined))
  } catch (error) {
    const reason = reasonOf(error)
    host.log.error({ name, reason }, `the two states of ${name} could not be made one: ${reason}`)
    host.events.emit('merged', { name, epoch, from, ok: false, reason })
    const failed = fail('ERR_CALLBACK', { callback: 'resolveConflict', name, reason })
    if (offer.from !== undefined) process.answerLater(offer.from, failure(failed))
  }
}

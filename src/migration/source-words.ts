/** What a source says of a move to D and to H, and what it makes of a refusal. */
import { fail, type MobilityError } from '../base/errors.js'
import { type Address, type Attempt, addressText, type Identity } from '../base/ids.js'
import type { Logger } from '../base/ports.js'
import type { Process } from '../process/host.js'
import type { Delegation, Entry, MessageOf } from '../wire/messages.js'

/** A move under way, as far as these messages tell of it. */
interface Leaving {
  readonly process: Process
  readonly attempt: Attempt
  readonly destination: Identity
  readonly address: Address
  readonly foreign: boolean
  readonly holder: Identity | undefined
  readonly delegations: readonly Delegation[]
}

export const beginOf = ({ process, attempt, destination, address, foreign }: Leaving): MessageOf<'BEGIN'> => {
  const { name, kind, line } = process
  return { type: 'BEGIN', name, attempt, kind: kind.kind, line, destination, address, foreign }
}

export const prepareOf = (leaving: Leaving, transfer: number, totalBytes: number): MessageOf<'PREPARE'> => {
  const { process, attempt, destination, holder, delegations } = leaving
  const { name, kind, line } = process
  return {
    type: 'PREPARE',
    name,
    attempt,
    toIncarnation: destination.incarnation,
    kind: kind.kind,
    version: kind.version,
    line,
    holder: holder?.node ?? '',
    holderIncarnation: holder?.incarnation ?? 0,
    transfer,
    totalBytes,
    delegations,
  }
}

export const commitOf = ({ process, attempt, destination }: Leaving, frozenUs: number): MessageOf<'COMMIT'> => ({
  type: 'COMMIT',
  name: process.name,
  attempt,
  toIncarnation: destination.incarnation,
  frozenUs,
})

/** Nothing has moved for so long. */
export const latenessOf = ({ process, phase }: Leaving & { readonly phase: string }, ms: number): MobilityError => {
  const frozen = process.phase === 'frozen'
  const before = frozen ? 'its snapshot was not ready' : 'a handler did not end'
  const reason = phase === 'freezing' ? before : 'the destination or the holder did not answer'
  return fail('ERR_MOVE_TIMEOUT', { name: process.name, ms, reason })
}

export const endedOf = ({ process: { name } }: Leaving): MobilityError =>
  fail('ERR_STOPPED', { name, reason: 'it ended before it could move' })

export const doubtOf = ({ destination: { node }, phase }: Leaving & { readonly phase: string }): string => {
  if (phase === 'recording' || phase === 'reclaiming') return 'the engine of the directory does not answer'
  return phase === 'committed' ? `${node} does not answer after the commit` : 'the abort is not confirmed'
}

/** For whoever asked for the move. */
export const refusalOf = ({ process, destination }: Leaving, { reason, code }: MessageOf<'REFUSED'>): MobilityError =>
  fail('ERR_REFUSED', { node: destination.node, name: process.name, reason: reason.replace(/\.$/, ''), code })

export const abortedOf = ({ process, destination }: Leaving): MobilityError =>
  fail('ERR_REFUSED', { node: destination.node, name: process.name, reason: 'the move was aborted' })

export const logStayed = (log: Logger, { process: { name }, destination }: Leaving, cause: MobilityError): void =>
  log.warn({ name, to: destination.node, code: cause.code }, `${name} stays: ${cause.message}`)

export const logLeft = (log: Logger, leaving: Leaving, moved: MessageOf<'ACTIVATED'> | undefined): void => {
  const { process, destination, address, foreign } = leaving
  const { name } = process
  const where = foreign ? `${destination.node} (${addressText(address)})` : destination.node
  log.info({ name, to: destination.node, epoch: moved?.epoch, bytes: moved?.bytes }, `${name} moved to ${where}`)
}

/** The registry's word, ahead of D's own: without bytes. */
export const activatedBy = ({ name, epoch, line }: Entry, attempt: Attempt): MessageOf<'ACTIVATED'> => ({
  type: 'ACTIVATED',
  name,
  attempt,
  epoch,
  line,
  pauseUs: 0,
  bytes: 0,
})

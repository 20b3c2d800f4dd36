/** What a source says of a move to D and to H, and what it makes of a refusal. */
import { fail, type MobilityError } from '../base/errors.js'
import type { Address, Attempt, Identity } from '../base/ids.js'
import type { Process } from '../process/host.js'
import type { Delegation, MessageOf } from '../wire/messages.js'

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

/** For whoever asked for the move. */
export const refusalOf = ({ process, destination }: Leaving, { reason, code }: MessageOf<'REFUSED'>): MobilityError =>
  fail('ERR_REFUSED', { node: destination.node, name: process.name, reason: reason.replace(/\.$/, ''), code })

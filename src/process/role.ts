/**
 * What a replica is told of its role. The last that it was told goes with it when it moves, as its mailbox does: so
 * each change is told once, wherever it lives, and a node that knows less than the one before says nothing.
 */
import type { Process } from './host.js'
import type { Told } from './image.js'

/** What `handleInfo` of a replica gets when it begins, and when its role changes: once each, also over a move. */
export interface RoleChange {
  readonly type: 'role'
  readonly role: 'active' | 'passive'
}

/** One that does not run is told where it runs next. */
export const tellRole = (process: Process, { role, revision }: Told): void => {
  const { told, phase, kind, mailbox } = process
  if (phase !== 'starting' && phase !== 'running') return
  if (told !== undefined && revision <= told.revision && (revision < told.revision || role === told.role)) return
  process.told = { role, revision }
  if (role === told?.role || kind.spec.handleInfo === undefined) return
  mailbox.force({ what: 'info', message: { type: 'role', role } satisfies RoleChange })
  process.wake()
}

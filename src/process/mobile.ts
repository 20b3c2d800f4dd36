/** A process as data and back: `dehydrate` and `restore` stand side by side, field by field. */
import { fail, reasonOf } from '../base/errors.js'
import { invariant } from '../base/invariant.js'
import { checkWanted, type Slicing } from '../base/slices.js'
import { stateValueLimits } from '../wire/codec.js'
import { copyInSlices } from '../wire/slices.js'
import type { ProcessStart } from './birth.js'
import type { Process, ProcessHost } from './host.js'
import type { ProcessImage } from './image.js'
import { callKey } from './mailbox.js'
import { ServerProcess } from './server.js'

/**
 * What is sent instead of the state. The state itself is not touched (G6).
 * @throws ERR_CALLBACK ERR_NOT_PORTABLE
 */
export const handover = async (process: Process, slicing: Slicing): Promise<unknown> => {
  const { prepareHandover } = process.kind.spec
  if (prepareHandover === undefined) return process.state
  const own = await copyInSlices(process.state, 'state', stateValueLimits(process.host.limits), slicing)
  // It may have been given up since the last slice, and run again.
  checkWanted(slicing)
  try {
    return await prepareHandover(own)
  } catch (error) {
    throw fail(
      'ERR_CALLBACK',
      { callback: 'prepareHandover', name: process.name, reason: reasonOf(error) },
      { cause: error },
    )
  }
}

/** The process as data, around what `handover` gave. Only of a copy that does not run. */
export const dehydrate = (process: Process, handed: unknown): ProcessImage => {
  invariant(process.phase === 'frozen', `${process.name} is dehydrated while ${process.phase}`)
  return {
    handed,
    args: process.args,
    mailbox: process.mailbox.messages(),
    next: process.mailbox.next,
    timers: process.timers.image(),
    lastTimer: process.timers.lastId,
    watches: process.watches.all(),
    lastWatch: process.watches.lastId,
    cursors: process.cursors,
    replies: [...process.replies],
    open: [...process.open.values()],
    told: process.told,
  }
}

/**
 * A process that rests, taken out of a node whose life is over. It will run on another line: what was on its way to it
 * and from it, its answers and the calls that wait for one, belong to the former life. Its state may be used on.
 */
export const uproot = (process: ServerProcess): ProcessImage => {
  invariant(!process.busy, `${process.name} is taken out while a handler runs`)
  process.phase = 'frozen'
  process.timers.stop()
  return { ...dehydrate(process, process.state), cursors: [], replies: [], open: [] }
}

/** An inert copy of an image. It runs nothing until `activate`. */
export const restore = (
  host: ProcessHost,
  start: Omit<ProcessStart, 'args'>,
  image: ProcessImage,
  state: unknown,
): ServerProcess => {
  const process = new ServerProcess(host, { ...start, args: image.args })
  process.phase = 'inert'
  process.state = state
  for (const envelope of image.mailbox) process.mailbox.force(envelope)
  process.mailbox.next = image.next
  process.timers.stop()
  process.timers.restore(image.timers, image.lastTimer)
  process.watches.restore(image.watches, image.lastWatch)
  for (const [key, cursor] of image.cursors) process.cursors.set(key, cursor)
  for (const reply of image.replies) process.replies.add(reply)
  for (const call of image.open) process.open.set(callKey(call.to), call)
  process.told = image.told
  return process
}

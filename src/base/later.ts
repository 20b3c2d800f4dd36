/** Callbacks that run in one batch, and what one of them throws costs the others nothing. */

/** What a callback throws comes later, so that it costs those behind it nothing; still fatal unless it is handled. */
export const guarded = (callback: () => void): void => {
  try {
    callback()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** Callbacks that come before the batch runs run in it, in the order in which they came. */
export const batched = (schedule: (run: () => void) => void): ((callback: () => void) => void) => {
  let waiting: (() => void)[] = []
  const run = (): void => {
    const batch = waiting
    waiting = []
    for (const callback of batch) guarded(callback)
  }
  return (callback) => {
    if (waiting.length === 0) schedule(run)
    waiting.push(callback)
  }
}

/**
 * Runs `callback` when what runs now has ended, before any timer or I/O. A microtask at a fraction of the price of
 * Node's: those that are asked for in one callback share one.
 */
export const later = batched((run) => queueMicrotask(run))

/** Microtasks at a fraction of their price: those that are asked for in one callback share one of Node's. */

let waiting: (() => void)[] = []

const flush = (): void => {
  const batch = waiting
  waiting = []
  for (const callback of batch) {
    try {
      callback()
    } catch (error) {
      // It costs the others nothing, and is still fatal unless somebody handles it.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

/** Runs `callback` when what runs now has ended, before any timer or I/O; in the order in which it was asked. */
export const later = (callback: () => void): void => {
  if (waiting.length === 0) queueMicrotask(flush)
  waiting.push(callback)
}

/** A time limit for something that may never end. */
import type { Clock } from './ports.js'

/**
 * The result of `work`, or the error that `late` makes when it took longer than `ms`. What comes after that is dropped,
 * errors too: the caller has gone on. What is there already is given back as it is.
 */
export const within = <T>(clock: Clock, ms: number, work: T | Promise<T>, late: () => Error): T | Promise<T> => {
  if (!(work instanceof Promise)) return work
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(ms, () => reject(late()))
    work.then(
      (value) => {
        timer.cancel()
        resolve(value)
      },
      (error: unknown) => {
        timer.cancel()
        reject(error)
      },
    )
  })
}

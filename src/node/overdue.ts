/** OTP's shutdown time: a process that was told to stop, and whose handler does not end, is killed. */
import type { Clock } from '../base/ports.js'
import type { Process } from '../process/host.js'

/**
 * Resolves when it has ended. What its handler still does finds ERR_STALE.
 * @param ms  its shutdown time: the handler has as much, and so have terminate and detach
 */
export const endInTime = async (clock: Clock, process: Process, ms: number): Promise<void> => {
  const timer = clock.after(3 * ms + 10, () => {
    // One that is about to move runs no handler; it is told to stop before anything else when it stays.
    if (process.phase !== 'frozen') process.kill()
  })
  await process.whenEnded
  timer.cancel()
}

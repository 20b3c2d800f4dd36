/**
 * What the logic may know of the world. Each port has a real implementation and an in-memory twin, both under
 * the same contract tests; nothing outside `base/` reads the time or makes a random number.
 */

/** A timer that was set. Cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Monotonic time in ms. The protocol uses only this one. */
  now(): number
  /** Wall clock in ms since 1970: for incarnations, first epochs and logs, never for a timeout. */
  wall(): number
  /** Runs `callback` once, `ms` from now (0: in a later turn). */
  after(ms: number, callback: () => void): Timer
  /** Runs `callback` at the end of this turn of the event loop, after what is already waiting. */
  soon(callback: () => void): void
  /**
   * Runs `callback` when what runs now and the promises that follow from it have run: before `soon`, which waits for
   * all other sockets and timers of the turn as well.
   */
  soonest(callback: () => void): void
}

export interface Random {
  /** 0 to 2^32 - 1 */
  u32(): number
  bytes(length: number): Buffer
}

/** Any pino-shaped logger. The first argument is data, the second one clear line. */
export interface Logger {
  debug(data: object, text: string): void
  info(data: object, text: string): void
  warn(data: object, text: string): void
  error(data: object, text: string): void
}

/** Between 0 and 1, 1 excluded. */
export const fraction = (random: Random): number => random.u32() / 0x1_0000_0000

/** `length` random bytes as lower-case hex. */
export const hexId = (random: Random, length: number): string => random.bytes(length).toString('hex')

/** A logger that says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

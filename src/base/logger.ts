/** pino, unless the user brings a logger of that shape. It writes to stderr: stdout belongs to the program. */
import { destination, pino } from 'pino'
import { fail } from './errors.js'
import type { Logger } from './ports.js'

export const defaultLogger = (node: string): Logger =>
  pino({ name: node, base: { node } }, destination({ fd: 2, sync: true }))

/** @throws ERR_OPTION */
export const checkLogger = (logger: unknown): Logger => {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof (logger as Record<string, unknown> | null)?.[level] === 'function') continue
    throw fail('ERR_OPTION', { option: 'logger', why: `it has no ${level}(data, text)` })
  }
  return logger as Logger
}

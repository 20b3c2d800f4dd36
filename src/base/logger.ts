/** pino, unless the user brings a logger of that shape. It writes to stderr: stdout belongs to the program. */
import { destination, pino } from 'pino'
import { fail, oneLine } from './errors.js'
import type { Logger } from './ports.js'

export const defaultLogger = (node: string): Logger => pino({ base: { node } }, destination({ fd: 2, sync: true }))

/** A logger in front of another one: what is told is one line, whatever texts of peers and users are in it. */
export const plainLogger = (logger: Logger): Logger => ({
  debug: (data, text) => logger.debug(plainData(data), oneLine(text)),
  info: (data, text) => logger.info(plainData(data), oneLine(text)),
  warn: (data, text) => logger.warn(plainData(data), oneLine(text)),
  error: (data, text) => logger.error(plainData(data), oneLine(text)),
})

const plainData = (data: object): object => {
  const unsafe = Object.values(data).some((value) => typeof value === 'string' && oneLine(value) !== value)
  if (!unsafe) return data
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? oneLine(value) : value]),
  )
}

/** @throws ERR_OPTION */
export const checkLogger = (logger: unknown): Logger => {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof (logger as Record<string, unknown> | null)?.[level] === 'function') continue
    throw fail('ERR_OPTION', { option: 'logger', why: `it has no ${level}(data, text)` })
  }
  return logger as Logger
}

/** Only what is wrong, in one line for people. */
import type { Logger } from 'proc-mobility'

export const logger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (_data, text) => void process.stderr.write(`${text}\n`),
}

/** Calls the process by its name, over and over, and says so only when something changes: who answers, or an error. */
import { isMobilityError, type Ref } from 'proc-mobility'
import type { mobilityExample } from './mobilityExample.js'

/** @returns a function that ends it */
export const startPinger = (
  process: Ref<typeof mobilityExample>,
  everyMs: number,
  say: (text: string) => void,
): (() => void) => {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let before = ''
  const report = (now: string, text: string): void => {
    if (stopped || now === before) return
    before = now
    say(text)
  }
  const ping = async (): Promise<void> => {
    try {
      const { pong, node } = await process.call.ping()
      report(node, `pinger: ${process.name} answers from ${node} (ping ${pong})`)
    } catch (error) {
      const code = isMobilityError(error) ? error.code : String(error)
      report(code, `pinger: ${process.name} does not answer: ${code}`)
    }
    if (!stopped) timer = setTimeout(ping, everyMs)
  }
  void ping()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

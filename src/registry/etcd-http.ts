/**
 * Questions and answers in JSON over HTTP, to one of several servers: the only file that knows node:http.
 *
 *   ask ----> the current server ----> an answer, or an error; a server that does not answer is left for the next one
 *   stream -> the current server ----> a line for each message, until it breaks
 *
 * A stream breaks when its server is left, too: a server that answers no question would tell no news either. It may say
 * nothing for hours, and is not closed for that.
 */
import { Agent, type IncomingMessage, request } from 'node:http'
import { fail, type MobilityError } from '../base/errors.js'
import type { Clock } from '../base/ports.js'

/** An answer, or a message of a stream: the first page of a table has 500 rows of at most 2 KiB, in base64. */
const BYTES_MAX = 16 * 1024 * 1024

interface HttpOptions {
  readonly clock: Clock
  /** `http://host:port` */
  readonly endpoints: readonly string[]
  /** One question, from the connect to the last byte of its answer. */
  readonly tryMs: number
}

export interface Answer {
  readonly status: number
  readonly body: object
  /** The server cannot do it now: another one is asked from now on. @returns the error */
  readonly unable: (reason: string) => MobilityError
}

interface Stream {
  readonly index: number
  readonly end: (reason: string) => void
}

export class EtcdHttp {
  readonly #options: HttpOptions
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #streams = new Set<Stream>()
  #current = 0
  #closed = false

  constructor(options: HttpOptions) {
    this.#options = options
  }

  /** @throws ERR_ENGINE  no answer came: whether it was done is not known */
  ask(path: string, question: object): Promise<Answer> {
    const index = this.#current
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = []
      let bytes = 0
      const unable = (reason: string): MobilityError => {
        this.#leave(index, reason)
        return fail('ERR_ENGINE', { where: this.#endpoint(index), reason })
      }
      const failed = (reason: string): void => {
        if (call.end()) reject(unable(reason))
      }
      const call = this.#request(index, path, question, failed, (response) => {
        response.on('data', (part: Buffer) => {
          bytes += part.length
          if (bytes > BYTES_MAX) failed(`its answer has more than ${BYTES_MAX} bytes`)
          else parts.push(part)
        })
        response.on('end', () => {
          const body = parsed(Buffer.concat(parts).toString('utf8'))
          if (body === undefined) return failed('its answer is no JSON')
          if (call.done()) resolve({ status: response.statusCode ?? 0, body, unable })
        })
      })
    })
  }

  /**
   * @param line  hears each message
   * @param ended  hears why it broke; nothing comes after that
   * @returns how to close it; then nothing comes any more
   */
  stream(
    path: string,
    question: object,
    line: (message: unknown) => void,
    ended: (reason: string) => void,
  ): () => void {
    const index = this.#current
    let rest: Buffer[] = []
    let bytes = 0
    const stop = (): boolean => {
      this.#streams.delete(stream)
      return call.end()
    }
    const stream: Stream = {
      index,
      end: (reason) => {
        if (stop()) ended(reason)
      },
    }
    const broken = (reason: string): void => {
      if (!call.over) this.#leave(index, reason)
      stream.end(reason)
    }
    const call = this.#request(index, path, question, broken, (response) => {
      call.patient()
      response.on('data', (part: Buffer) => {
        for (let at = part.indexOf(10), from = 0; ; from = at + 1, at = part.indexOf(10, from)) {
          rest.push(part.subarray(from, at < 0 ? part.length : at))
          bytes += (at < 0 ? part.length : at) - from
          if (bytes > BYTES_MAX) return broken(`a message has more than ${BYTES_MAX} bytes`)
          if (at < 0) return
          const text = Buffer.concat(rest).toString('utf8')
          rest = []
          bytes = 0
          if (text.trim() === '' || call.over) continue
          const message = parsed(text)
          if (message === undefined) return broken('a message is no JSON')
          line(message)
        }
      })
      response.on('end', () => broken('it ended the stream'))
    })
    this.#streams.add(stream)
    return () => void stop()
  }

  /** What is under way fails. */
  close(): void {
    this.#closed = true
    for (const stream of [...this.#streams]) stream.end('it is closed')
    this.#agent.destroy()
  }

  /** Sends it. `failed` may come several times, and late. */
  #request(
    index: number,
    path: string,
    question: object,
    failed: (reason: string) => void,
    answered: (response: IncomingMessage) => void,
  ) {
    const { clock, tryMs } = this.#options
    // With its metadata `hasleader` a server that has lost the others ends a stream, instead of saying nothing.
    const headers = { 'content-type': 'application/json', 'grpc-metadata-hasleader': 'true' }
    const sent = request(`${this.#endpoint(index)}${path}`, { method: 'POST', agent: this.#agent, headers })
    const timer = clock.after(tryMs, () => failed(`it did not answer within ${tryMs} ms`))
    const call = {
      over: false,
      patient: (): void => timer.cancel(),
      /** Its connection stays. @returns false: it was over already */
      done: (): boolean => {
        if (call.over) return false
        call.over = true
        timer.cancel()
        return true
      },
      end: (): boolean => {
        if (!call.done()) return false
        sent.destroy()
        return true
      },
    }
    sent.on('error', (error: NodeJS.ErrnoException) => failed(error.code ?? error.message))
    sent.on('response', (response) => {
      response.on('error', (error: NodeJS.ErrnoException) => failed(error.code ?? error.message))
      response.on('aborted', () => failed('it broke off its answer'))
      answered(response)
    })
    if (this.#closed) queueMicrotask(() => failed('it is closed'))
    sent.end(JSON.stringify(question))
    return call
  }

  #endpoint(index: number): string {
    return this.#options.endpoints[index] ?? ''
  }

  /** The next one is asked from now on. */
  #leave(index: number, reason: string): void {
    if (this.#current === index) this.#current = (index + 1) % this.#options.endpoints.length
    for (const stream of [...this.#streams]) if (stream.index === index) stream.end(reason)
  }
}

/** @returns undefined for what is no JSON object */
const parsed = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** What the nodes of a simulated cluster send: messages, and bytes without the headers of TCP. Exact. */
import { defaultLimits } from '../../../src/index.js'
import type { SimulatedWorld } from '../../../src/testing.js'
import { FrameReader } from '../../../src/wire/frame-reader.js'
import { KIND } from '../../../src/wire/kinds.js'

/** The length, before each frame. */
const HEAD = 4

export interface Sent {
  readonly messages: number
  readonly bytes: number
}

type Names = readonly (keyof typeof KIND)[]

export class Meter {
  /** Sender -> kind -> what it has sent. */
  readonly #sent = new Map<string, Map<number, Sent>>()

  /** @param hosts  all that it looks at: before they are linked */
  constructor(world: SimulatedWorld, hosts: readonly string[]) {
    for (const from of hosts) for (const to of hosts) if (from !== to) this.#watch(world, from, to)
  }

  #watch(world: SimulatedWorld, from: string, to: string): void {
    const readers = new Map<number, FrameReader>()
    world.network.onBytes(from, to, (bytes, { connection }) => {
      const reader = readers.get(connection) ?? new FrameReader(defaultLimits.frameBytesMax)
      readers.set(connection, reader)
      reader.push(Buffer.from(bytes), (kind, body) => this.#count(from, kind, HEAD + 1 + body.length))
    })
  }

  #count(from: string, kind: number, length: number): void {
    const kinds = this.#sent.get(from) ?? new Map<number, Sent>()
    this.#sent.set(from, kinds)
    const { messages, bytes } = kinds.get(kind) ?? { messages: 0, bytes: 0 }
    kinds.set(kind, { messages: messages + 1, bytes: bytes + length })
  }

  /** From now on. */
  reset(): void {
    this.#sent.clear()
  }

  /** @param of  of one host; @param names  of these kinds. Default: of all */
  read({ of, names }: { readonly of?: string; readonly names?: Names } = {}): Sent {
    const wanted = names === undefined ? undefined : new Set<number>(names.map((name) => KIND[name]))
    let [messages, bytes] = [0, 0]
    for (const [from, kinds] of this.#sent) {
      if (of !== undefined && from !== of) continue
      for (const [kind, sent] of kinds) {
        if (wanted !== undefined && !wanted.has(kind)) continue
        messages += sent.messages
        bytes += sent.bytes
      }
    }
    return { messages, bytes }
  }
}

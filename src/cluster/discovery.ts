/**
 * Whom to join: addresses as they were given, and names of DNS that are asked again and again, since members come and
 * go. A headless service of Kubernetes has an A record for each pod, and an SRV record for each named port of each.
 *
 *   join: ['10.0.0.5:1805',                                       always
 *          'dns://rooms.default.svc.cluster.local:1805',          A, AAAA: each address, with this port
 *          'srv://_mobility._tcp.rooms.default.svc.cluster.local' SRV: host and port of each
 *         ]
 *
 * Asked every second while there is no member, then every `discoverMs`. A name that does not exist has no addresses;
 * one that cannot be asked keeps those it had.
 */
import { reasonOf } from '../base/errors.js'
import type { Events } from '../base/events.js'
import { type Address, addressText } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Logger, Timer } from '../base/ports.js'

/** DNS, as far as it is used. An unknown name has an empty list; what rejects may answer later. */
export interface Resolver {
  /** A and AAAA. */
  addresses(host: string): Promise<string[]>
  services(name: string): Promise<Address[]>
}

export type Seed =
  | { readonly type: 'address'; readonly address: Address }
  | { readonly type: 'dns'; readonly host: string; readonly port: number }
  | { readonly type: 'srv'; readonly name: string }

interface DiscoveryDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Events
  readonly limits: Limits
  readonly resolver: Resolver
  /** Nobody is met yet. */
  readonly alone: () => boolean
  /** All that are there now, without those that are gone. */
  readonly found: (addresses: readonly Address[]) => void
}

const FIRST_MS = 1_000

export class Discovery {
  readonly #deps: DiscoveryDeps
  readonly #seeds: readonly Seed[]
  /** What each said last. */
  readonly #known = new Map<Seed, readonly Address[]>()
  #timer: Timer | undefined
  #closed = false

  constructor(seeds: readonly Seed[], deps: DiscoveryDeps) {
    this.#seeds = seeds
    this.#deps = deps
    for (const seed of seeds) if (seed.type === 'address') this.#known.set(seed, [seed.address])
  }

  /** Asks for the first time, and from then on by itself. @returns what was found, each once */
  async start(): Promise<Address[]> {
    await this.#ask()
    return this.#all()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #all(): Address[] {
    const { limits, events } = this.#deps
    const all = new Map<string, Address>()
    for (const addresses of this.#known.values()) for (const one of addresses) all.set(addressText(one), one)
    if (all.size > limits.membersMax) events.emit('limit', { limit: 'membersMax', name: 'join', value: all.size })
    return [...all.values()].slice(0, limits.membersMax)
  }

  async #ask(): Promise<void> {
    const names = this.#seeds.filter(({ type }) => type !== 'address')
    await Promise.all(names.map((seed) => this.#resolve(seed)))
    if (this.#closed) return
    this.#deps.found(this.#all())
    if (names.length === 0) return
    const { clock, alone, limits } = this.#deps
    this.#timer = clock.after(alone() ? FIRST_MS : limits.discoverMs, () => void this.#ask())
  }

  async #resolve(seed: Seed): Promise<void> {
    if (seed.type === 'address') return
    const { resolver, log } = this.#deps
    try {
      const found =
        seed.type === 'srv'
          ? await resolver.services(seed.name)
          : (await resolver.addresses(seed.host)).map((host) => ({ host, port: seed.port }))
      this.#known.set(seed, found)
    } catch (error) {
      log.warn({ seed, reason: reasonOf(error) }, 'a name of the option join cannot be resolved now')
    }
  }
}

/** The twin of DNS: names that a test sets. */
export class MemoryResolver implements Resolver {
  readonly #names = new Map<string, readonly Address[]>()

  /** @param addresses  none: the name does not exist; undefined: it cannot be asked */
  set(name: string, addresses: readonly Address[] | undefined): void {
    if (addresses === undefined) this.#names.delete(name)
    else this.#names.set(name, addresses)
  }

  async addresses(host: string): Promise<string[]> {
    return (await this.services(host)).map((address) => address.host)
  }

  async services(name: string): Promise<Address[]> {
    const found = this.#names.get(name)
    if (found === undefined) throw new Error(`nobody answers for ${name}`)
    return [...found]
  }
}

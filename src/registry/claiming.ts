/**
 * Drives both sides of every claim: what this node wants (claims.ts) and what it gives as a home (grants.ts).
 * A home of one's own is asked the same way, without the network.
 *
 *   claim() --> claims.ts --ask--> [CLAIM] --> grants.ts of the home
 *                   ^                              |
 *                   '--accept, fail-- [CLAIMED] <--'     accept --> table, REGISTERED to all, the promise resolves
 */
import { fail } from '../base/errors.js'
import { type Identity, isName } from '../base/ids.js'
import type { Limits } from '../base/limits.js'
import type { Clock, Timer } from '../base/ports.js'
import type { Entry, Message, MessageOf } from '../wire/messages.js'
import { type Claim, type ClaimEffect, type ClaimEvent, stepClaim } from './claims.js'
import { type Asked, type Grant, type GrantEffect, type GrantEvent, stepGrant } from './grants.js'
import type { Ledger } from './ledger.js'
import { isPlausible } from './plausible.js'
import { RELEASED } from './reasons.js'
import type { Life, Views } from './views.js'

interface ClaimingDeps {
  readonly clock: Clock
  readonly limits: Limits
  readonly self: () => Identity
  readonly ledger: Ledger
  readonly views: () => Views
  readonly homeOf: (name: string) => string
  /** Whether its last life has ended is not known yet: claims wait. */
  readonly isOpen: (name: string) => boolean
  /** No process may have it. */
  readonly isReserved: (name: string) => boolean
  /** Behind all that this node has published. */
  readonly send: (node: string, message: Message) => void
  /** Puts it into the table; all members are told before they hear anything else from this node. */
  readonly publish: (entry: Entry) => void
  /** There is something to do on the next beat. */
  readonly wake: () => void
}

interface Ticket {
  readonly name: string
  readonly line: number | undefined
  readonly dueAt: number
  resolve(entry: Entry): void
  reject(error: Error): void
}

export class Claiming {
  readonly #deps: ClaimingDeps
  readonly #claims = new Map<string, Claim>()
  readonly #grants = new Map<string, Grant>()
  /** The oldest first, and each has `claimMs`: one timer is enough for all. */
  readonly #tickets = new Map<number, Ticket>()
  #expiry: Timer | undefined
  /** Attempt -> name: a short answer names the attempt alone. */
  readonly #attempts = new Map<number, string>()
  #counter = 0

  constructor(deps: ClaimingDeps) {
    this.#deps = deps
  }

  claim(name: string, kind: string, line?: number): Promise<Entry> {
    const owner = this.#liveOwner(name)
    if (owner !== undefined) return Promise.reject(fail('ERR_ALREADY_STARTED', { name, node: owner.node }))
    return new Promise((resolve, reject) => {
      const { clock, limits } = this.#deps
      const ticket = ++this.#counter
      this.#tickets.set(ticket, { name, line, dueAt: clock.now() + limits.claimMs, resolve, reject })
      this.#expiry ??= clock.after(limits.claimMs, () => this.#expire())
      this.#claim(name, { type: 'claim', waiter: { ticket, kind } })
      this.#deps.wake()
    })
  }

  /** A member wants a name whose home we may be. */
  asked(from: Life, { id, name, kind, view }: MessageOf<'CLAIM'>): void {
    const { clock, limits } = this.#deps
    if (!isName(name)) return
    if (!this.#grants.has(name) && this.#grants.size >= limits.registryEntriesMax) return
    const { node, incarnation } = from
    const asked: Asked = { node, incarnation, id, kind, view, at: clock.now() }
    if (this.#deps.isReserved(name)) return this.#answer(asked, 'taken', 0, undefined, '')
    this.#grant(name, { type: 'asked', asked })
    this.#deps.wake()
  }

  /** A home's answer. Its epoch counts, not its entry: this node says itself what it runs. */
  answered(from: Life, { id, verdict, epoch, entry, reason }: MessageOf<'CLAIMED'>): void {
    const name = this.#attempts.get(id) ?? entry?.name
    if (name === undefined) return
    const { ledger, clock } = this.#deps
    if (verdict === 'granted' && !isPlausible(epoch, ledger.highestEpoch(name), clock.wall())) return
    if (verdict === 'granted') this.#claim(name, { type: 'granted', id, epoch, from: from.node })
    else if (this.#claims.get(name)?.home !== from.node) return
    else if (verdict === 'retry') this.#claim(name, { type: 'retry', id, reason })
    else {
      if (entry !== undefined) this.#deps.ledger.learn(entry, from.node)
      this.#claim(name, { type: 'taken', id, node: entry?.node ?? from.node })
    }
  }

  /** A claimant does not take what we granted. It says what it knows of the name's epochs. */
  released(by: Life, entry: Entry): void {
    this.#deps.ledger.raiseFloor(entry.epoch)
    this.#grant(entry.name, { type: 'released', by, id: entry.line })
  }

  /** The entry of this name, or whether it is recovering, has changed. */
  changed(name: string): void {
    const owner = this.#liveOwner(name)
    if (owner !== undefined && this.#claims.has(name)) this.#claim(name, { type: 'known', node: owner.node })
    if (this.#grants.has(name)) this.#grant(name, { type: 'look' })
  }

  /** What a dead claimant may have taken goes to the table, before its life there is judged. */
  gone(who: Life): void {
    this.#eachGrant({ type: 'gone', who })
  }

  viewChanged(): void {
    this.#eachGrant({ type: 'viewChanged' })
    for (const name of [...this.#claims.keys()]) this.#claim(name, { type: 'viewChanged' })
  }

  /** Is it, as a home, about to give it? */
  isGranting(name: string): boolean {
    return this.#grants.has(name)
  }

  settled(): void {
    this.#eachGrant({ type: 'look' })
  }

  /** A link to the member is up; its SYNC will come. */
  linked(node: string): void {
    this.#eachGrant({ type: 'linked', node })
    for (const [name, claim] of [...this.#claims]) if (claim.home === node) this.#claim(name, { type: 'again' })
  }

  synced(node: string): void {
    this.#eachGrant({ type: 'synced', node })
  }

  /** Once a second while there is something to do. @returns whether there still is */
  beat(): boolean {
    const { clock, limits } = this.#deps
    for (const name of [...this.#claims.keys()]) this.#claim(name, { type: 'again' })
    this.#eachGrant({ type: 'sweep', before: clock.now() - 2 * limits.claimMs })
    return this.#claims.size > 0 || this.#waiting()
  }

  size(): { claims: number; grants: number; tickets: number } {
    return { claims: this.#claims.size, grants: this.#grants.size, tickets: this.#tickets.size }
  }

  close(): void {
    const { node } = this.#deps.self()
    this.#claims.clear()
    this.#attempts.clear()
    this.#grants.clear()
    for (const ticket of [...this.#tickets.keys()]) this.#end(ticket)?.reject(fail('ERR_NODE_STOPPED', { node }))
  }

  #waiting(): boolean {
    for (const grant of this.#grants.values()) if (grant.waiting.length > 0) return true
    return false
  }

  #liveOwner(name: string): Entry | undefined {
    const entry = this.#deps.ledger.get(name)
    return entry?.status === 'live' && !this.#deps.isOpen(name) ? entry : undefined
  }

  #claim(name: string, event: ClaimEvent): void {
    const { ledger, homeOf, self } = this.#deps
    const before = this.#claims.get(name)
    const { state, effects } = stepClaim(before, event, {
      self: self().node,
      freshId: ++this.#counter,
      home: homeOf(name),
      highestEpoch: ledger.highestEpoch(name),
      ownsEpoch: (epoch) => {
        const entry = ledger.get(name)
        return entry !== undefined && ledger.isOwn(entry) && entry.epoch >= epoch
      },
    })
    if (before !== undefined) this.#attempts.delete(before.id)
    if (state === undefined) this.#claims.delete(name)
    else {
      this.#claims.set(name, state)
      this.#attempts.set(state.id, name)
    }
    for (const effect of effects) this.#performClaim(name, effect)
  }

  #performClaim(name: string, effect: ClaimEffect): void {
    const me = this.#deps.self()
    switch (effect.type) {
      case 'ask': {
        const { id, kind } = effect
        const claim = { type: 'CLAIM', id, name, kind, view: this.#deps.views().hash } as const
        if (effect.home === me.node) this.asked(me, claim)
        else this.#deps.send(effect.home, claim)
        return
      }
      case 'accept': {
        const ticket = this.#end(effect.ticket)
        const life = newLife(name, effect.kind, me, effect.epoch)
        // Senders that met it under another line than that of the process could never speak to it (G3). Its clock may
        // be ahead of ours, and no line is above its epoch.
        const line = ticket?.line ?? life.line
        const entry: Entry = { ...life, epoch: Math.max(life.epoch, line), line }
        this.#deps.publish(entry)
        ticket?.resolve(entry)
        return
      }
      case 'confirm': {
        const entry = this.#deps.ledger.get(name)
        if (entry !== undefined && effect.home !== me.node) {
          this.#deps.send(effect.home, { type: 'REGISTERED', entries: [entry] })
        }
        return
      }
      case 'release': {
        const life = newLife(name, '', me, effect.epoch)
        const entry: Entry = { ...life, line: effect.id, status: 'ended', reason: RELEASED }
        if (effect.home === me.node) this.released(me, entry)
        else this.#deps.send(effect.home, { type: 'REGISTERED', entries: [entry] })
        return
      }
      case 'fail':
        this.#end(effect.ticket)?.reject(fail('ERR_ALREADY_STARTED', { name, node: effect.node }))
        return
      case 'giveUp': {
        const fields = { name, ms: this.#deps.limits.claimMs, reason: effect.reason }
        this.#end(effect.ticket)?.reject(fail('ERR_CLAIM_TIMEOUT', fields))
        return
      }
    }
  }

  #end(number: number): Ticket | undefined {
    const ticket = this.#tickets.get(number)
    this.#tickets.delete(number)
    if (this.#tickets.size === 0) {
      this.#expiry?.cancel()
      this.#expiry = undefined
    }
    return ticket
  }

  #expire(): void {
    const { clock } = this.#deps
    this.#expiry = undefined
    for (const [ticket, { name, dueAt }] of [...this.#tickets]) {
      if (!this.#tickets.has(ticket)) continue
      const left = dueAt - clock.now()
      if (left <= 0) this.#claim(name, { type: 'expired', ticket })
      else this.#expiry ??= clock.after(left, () => this.#expire())
      if (left > 0) return
    }
  }

  #eachGrant(event: GrantEvent): void {
    for (const name of [...this.#grants.keys()]) this.#grant(name, event)
  }

  #grant(name: string, event: GrantEvent): void {
    const { ledger, homeOf, isOpen, views, self } = this.#deps
    const { settled, hash } = views()
    const owner = ledger.get(name)
    const live = owner?.status === 'live'
    const { state, effects } = stepGrant(this.#grants.get(name), event, {
      isHome: homeOf(name) === self().node,
      settled,
      view: hash,
      known: !live ? 'free' : isOpen(name) ? 'recovering' : 'live',
      owner,
      nextEpoch: ledger.nextEpoch(name),
    })
    if (state === undefined) this.#grants.delete(name)
    else this.#grants.set(name, state)
    for (const effect of effects) this.#performGrant(name, effect)
  }

  #performGrant(name: string, effect: GrantEffect): void {
    switch (effect.type) {
      case 'grant':
        this.#answer(effect.to, 'granted', effect.epoch, newLife(name, effect.to.kind, effect.to, effect.epoch), '')
        return
      case 'taken':
        this.#answer(effect.to, 'taken', effect.entry.epoch, effect.entry, '')
        return
      case 'retry':
        this.#answer(effect.to, 'retry', 0, undefined, effect.reason)
        return
      case 'mourn': {
        const { reserved } = effect
        this.#deps.ledger.own(newLife(name, reserved.kind, reserved, reserved.epoch), true)
        return
      }
    }
  }

  #answer(
    to: Asked,
    verdict: 'granted' | 'taken' | 'retry',
    epoch: number,
    entry: Entry | undefined,
    reason: string,
  ): void {
    const me = this.#deps.self()
    const claimed = {
      type: 'CLAIMED',
      id: to.id,
      verdict,
      epoch,
      view: this.#deps.views().hash,
      entry,
      reason,
    } as const
    if (to.node === me.node) this.answered(me, claimed)
    else this.#deps.send(to.node, claimed)
  }
}

const newLife = (name: string, kind: string, on: Life, epoch: number): Entry => ({
  name,
  kind,
  node: on.node,
  incarnation: on.incarnation,
  epoch,
  line: epoch,
  status: 'live',
  reason: '',
})

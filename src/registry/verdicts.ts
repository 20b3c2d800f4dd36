/**
 * Drives the inquests (recovery.ts) on what dead nodes ran, for the names whose home this node is; answers those of
 * others. A delegated life has not ended with its gateway: the home of the name becomes the gateway. Asks, too, whether
 * a member holds the silent destination of a move for dead.
 */
import type { Identity } from '../base/ids.js'
import type { Peers } from '../link/peers.js'
import type { Entry, MessageOf } from '../wire/messages.js'
import type { Ledger } from './ledger.js'
import { NODE_DOWN } from './reasons.js'
import { type Inquest, type InquestEvent, type InquestStep, openInquest, stepInquest } from './recovery.js'
import { ownerKey } from './table.js'
import type { Life, Views } from './views.js'

interface VerdictsDeps {
  readonly self: () => Identity
  readonly peers: Peers
  readonly ledger: Ledger
  readonly views: () => Views
  readonly homeOf: (name: string) => string
  readonly send: (node: string, message: MessageOf<'RECOVER_ASK'> | MessageOf<'RECOVER_SAY'>) => void
  readonly publish: (entry: Entry) => void
  readonly holds: (name: string, node: string, incarnation: number) => boolean
  readonly adoptDelegation: (entry: Entry) => void
  /** For a question to the members; never used before. */
  readonly freshId: () => number
  /** There is something to do on the next beat. */
  readonly wake: () => void
}

const BATCH = 512

export class Verdicts {
  readonly #deps: VerdictsDeps
  readonly #inquests = new Map<number, Inquest>()
  /** Names in an inquest. */
  readonly #open = new Set<string>()
  /** By name: a move waits for a member to hold its destination for dead too. */
  readonly #witnesses = new Map<string, { readonly id: number; readonly member: string; readonly agreed: () => void }>()
  /** Somebody holds them, or does not agree on the death: not before the next beat. */
  readonly #later = new Set<string>()

  constructor(deps: VerdictsDeps) {
    this.#deps = deps
  }

  /** Opens an inquest on all that is recovering and ours to judge. */
  look(): void {
    const { views } = this.#deps
    const mine = this.#mine()
    if (mine.length > 0) this.#deps.wake()
    if (!views().settled) return
    const byLife = new Map<string, Entry[]>()
    for (const entry of mine) {
      if (this.#open.has(entry.name) || this.#later.has(entry.name)) continue
      if (entry.via !== undefined) this.#adopt(entry)
      else {
        const ofLife = byLife.get(ownerKey(entry)) ?? []
        ofLife.push(entry)
        byLife.set(ownerKey(entry), ofLife)
      }
    }
    for (const entries of byLife.values()) {
      for (let i = 0; i < entries.length; i += BATCH) this.#begin(entries.slice(i, i + BATCH))
    }
  }

  viewChanged(): void {
    this.#inquests.clear()
    this.#open.clear()
    this.#later.clear()
    // They are asked again.
    this.#witnesses.clear()
  }

  /** @returns whether there is still something to judge */
  beat(): boolean {
    this.#later.clear()
    for (const inquest of [...this.#inquests.values()]) this.#step(inquest, { type: 'again' })
    this.look()
    return this.#mine().length > 0
  }

  asked(from: Life, { id, node, incarnation, names }: MessageOf<'RECOVER_ASK'>): void {
    const { peers, holds } = this.#deps
    const agreed = !peers.isLive(node, incarnation)
    const held = names.filter((name) => holds(name, node, incarnation))
    this.#deps.send(from.node, { type: 'RECOVER_SAY', id, agreed, held })
  }

  /** Only where all agree on who is a member: who never met the dead has seen no death. @returns how to end it */
  witness(name: string, member: string, { node, incarnation }: Life, agreed: () => void): { cancel(): void } {
    const { views, freshId, send } = this.#deps
    const id = freshId()
    const cancel = (): void => {
      if (this.#witnesses.get(name)?.id === id) this.#witnesses.delete(name)
    }
    if (!views().settled) return { cancel }
    this.#witnesses.set(name, { id, member, agreed })
    send(member, { type: 'RECOVER_ASK', id, node, incarnation, names: [name] })
    return { cancel }
  }

  said(from: Life, { id, agreed, held }: MessageOf<'RECOVER_SAY'>): void {
    for (const [name, witness] of this.#witnesses) {
      if (witness.id !== id || witness.member !== from.node) continue
      this.#witnesses.delete(name)
      if (agreed) witness.agreed()
      return
    }
    const inquest = this.#inquests.get(id)
    if (inquest !== undefined) this.#step(inquest, { type: 'said', from: from.node, agreed, held })
  }

  size(): { inquests: number } {
    return { inquests: this.#inquests.size + this.#witnesses.size }
  }

  #mine(): Entry[] {
    const { ledger, homeOf, self } = this.#deps
    const me = self().node
    return ledger.recovering().filter((entry) => homeOf(entry.name) === me)
  }

  #begin(entries: readonly Entry[]): void {
    const { peers, holds, freshId } = this.#deps
    const [first] = entries
    if (first === undefined) return
    const { node, incarnation } = first
    const names = entries.map((entry) => entry.name)
    const held = names.filter((name) => holds(name, node, incarnation))
    const waiting = peers.live().map((member) => member.node)
    for (const name of names) this.#open.add(name)
    const inquest: Inquest = { id: freshId(), node, incarnation, names, waiting, held }
    this.#perform(inquest, openInquest(inquest))
  }

  #step(inquest: Inquest, event: InquestEvent): void {
    this.#perform(inquest, stepInquest(inquest, event))
  }

  #perform(inquest: Inquest, { state, effects }: InquestStep): void {
    const { id, node, incarnation, names } = inquest
    if (state === undefined) {
      this.#inquests.delete(id)
      for (const name of names) {
        this.#open.delete(name)
        this.#later.add(name)
      }
    } else this.#inquests.set(id, state)
    for (const effect of effects) {
      if (effect.type === 'ask') this.#deps.send(effect.member, { type: 'RECOVER_ASK', id, node, incarnation, names })
      else for (const name of effect.names) this.#end(name, inquest)
    }
  }

  /** Unless a newer owner has come up meanwhile. */
  #end(name: string, { node, incarnation }: Inquest): void {
    const { ledger, publish } = this.#deps
    const entry = ledger.get(name)
    this.#later.delete(name)
    if (entry?.status !== 'live' || !ledger.isRecovering(name)) return
    if (entry.node !== node || entry.incarnation !== incarnation) return
    publish({ ...entry, status: 'ended', reason: NODE_DOWN })
  }

  #adopt(entry: Entry): void {
    const { node, incarnation } = this.#deps.self()
    const adopted: Entry = { ...entry, node, incarnation }
    this.#deps.publish(adopted)
    if (this.#deps.ledger.get(entry.name) === adopted) this.#deps.adoptDelegation(adopted)
  }
}

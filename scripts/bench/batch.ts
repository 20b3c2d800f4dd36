/** Many processes at once, as a program with many would do it: started together, moved together, stopped together. */
import type { MobilityNode, Ref } from 'proc-mobility'
import { subject } from './pair.js'
import { small } from './states.js'

type Subject = Ref<typeof subject>

/** Of 100 B each. */
export const startMany = (node: MobilityNode, count: number, label: string): Promise<Subject[]> =>
  Promise.all(
    Array.from({ length: count }, (_, id) => node.start(subject, { name: `${label}:${id}`, args: [small(id)] })),
  )

/** At most `inFlight` at a time. */
export const moveMany = async (refs: readonly Subject[], to: string, inFlight: number): Promise<void> => {
  const left = refs.values()
  const lane = async (): Promise<void> => {
    for (const ref of left) await ref.sendMe(to)
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, refs.length) }, lane))
}

export const stopMany = async (refs: readonly Subject[]): Promise<void> => {
  await Promise.all(refs.map((ref) => ref.stop()))
}

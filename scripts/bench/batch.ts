/** Many processes at once, as a program with many would do it: started together, moved together, stopped together. */
import { isMobilityError, type MobilityNode, type Ref } from 'proc-mobility'
import { subject } from './pair.js'

type Subject = Ref<typeof subject>

/** Of 100 B each. */
export const startMany = (node: MobilityNode, count: number, label: string): Promise<Subject[]> =>
  Promise.all(
    Array.from({ length: count }, (_, id) => node.start(subject, { name: `${label}:${id}`, args: ['small', id] })),
  )

/** At most `inFlight` at a time. @returns those that were refused, because that is too many for the other node */
export const moveMany = async (refs: readonly Subject[], to: string, inFlight: number): Promise<Subject[]> => {
  const left = refs.values()
  const refused: Subject[] = []
  const lane = async (): Promise<void> => {
    for (const ref of left) {
      try {
        await ref.sendMe(to)
      } catch (error) {
        if (!isMobilityError(error) || error.code !== 'ERR_REFUSED') throw error
        refused.push(ref)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, refs.length) }, lane))
  return refused
}

export const stopMany = async (refs: readonly Subject[]): Promise<void> => {
  await Promise.all(refs.map((ref) => ref.stop()))
}

/** From one move at a time to a thousand: what does each cost, and how long does it take? */
import { startMany } from '../batch.js'
import type { Curve } from '../curve.js'
import { median } from '../measure.js'
import { openPair } from '../pair.js'

const MOVED = 2_048

export const inFlight: Curve = {
  title: 'Moves in flight',
  x: 'moves of 100 B in flight',
  points: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024],
  far: [],
  series: {
    each: { title: 'time for each, all together', unit: 'ms' },
    latency: { title: 'time of one, p50', unit: 'ms' },
  },
  measure: async (x, file) => {
    const { node, close } = await openPair(file, { preparedPerPeerMax: MOVED })
    const lanes = async (moving: Awaited<ReturnType<typeof startMany>>): Promise<number[]> => {
      const values: number[] = []
      const left = moving.values()
      const lane = async (): Promise<void> => {
        for (const ref of left) {
          const began = performance.now()
          await ref.sendMe('b')
          values.push(performance.now() - began)
        }
      }
      await Promise.all(Array.from({ length: x }, lane))
      return values
    }
    await lanes(await startMany(node, MOVED, 'bench:warm'))
    const refs = await startMany(node, MOVED, 'bench:flight')
    const began = performance.now()
    const values = await lanes(refs)
    const each = (performance.now() - began) / MOVED
    await close()
    return { each, latency: median(values) }
  },
}

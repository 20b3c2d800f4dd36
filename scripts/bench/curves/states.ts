/** From a hundred bytes to a hundred million: what does a move cost, and for how long does it hold the event loop? */
import type { Curve } from '../curve.js'
import { median, msHeld } from '../measure.js'
import { openPair, type Pair, subject } from '../pair.js'
import type { StateOrder } from '../states.js'

const MOVES = 7
const WARM = 100
/** A hundred million bytes of small objects are ten gigabytes of heap. */
const NESTED_MAX = 10_000_000

const moved = async ({ node }: Pair, name: string, state: StateOrder, times = MOVES) => {
  const ref = await node.start(subject, { name, args: [...state] })
  const all: number[] = []
  const held = await msHeld(async () => {
    for (let move = 0; move < times; move += 1) {
      const began = performance.now()
      await ref.sendMe('b')
      all.push(performance.now() - began)
      await ref.sendMe('a')
    }
  })
  await ref.stop()
  return { all: median(all), held }
}

export const states: Curve = {
  title: 'State',
  x: 'bytes of state',
  points: [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000],
  far: [],
  series: {
    bytes: { title: 'move of bytes', unit: 'ms' },
    bytesHeld: { title: 'event loop held, bytes', unit: 'ms' },
    nested: { title: 'move of nested objects', unit: 'ms' },
    nestedHeld: { title: 'event loop held, nested objects', unit: 'ms' },
  },
  measure: async (x, file) => {
    const pair = await openPair(file)
    // So that the code is warm, not the size.
    await moved(pair, 'bench:warm', ['nested', 1_000], WARM)
    const { all: bytes, held: bytesHeld } = await moved(pair, 'bench:bytes', ['buffers', x])
    const objects = x > NESTED_MAX ? undefined : await moved(pair, 'bench:nested', ['nested', x])
    await pair.close()
    return { bytes, bytesHeld, ...(objects === undefined ? {} : { nested: objects.all, nestedHeld: objects.held }) }
  },
}

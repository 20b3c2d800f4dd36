/** The same call between two programs, by us and by what else npm has for Node 20. Installed by `make bench-peers`. */
import { inTurns, perSecond } from '../measure.js'
import { openPair, REMOTE, subject } from '../pair.js'
import { comedy } from '../peers/comedy.js'
import { isInstalled } from '../peers/installed.js'
import { moleculer } from '../peers/moleculer.js'
import type { Question } from '../question.js'
import { type Row, rowOf } from '../rows.js'

const PEERS = { moleculer, comedy }
const IN_FLIGHT = [1, 64]

export const peers: Question = async ({ file, pace }) => {
  const there = Object.entries(PEERS).filter(([name]) => isInstalled(name))
  const missing = Object.keys(PEERS).filter((name) => !isInstalled(name))
  const note = `skipped: ${missing.join(' and ')}, not installed; \`make bench-peers\` does it`
  if (there.length === 0) return { rows: [], note }
  const { node, serverCpu, close } = await openPair(file)
  const remote = node.ref(subject, REMOTE)
  const rows: Row[] = []
  for (const [id, open] of there) {
    const peer = await open()
    for (const inFlight of IN_FLIGHT) {
      const [ours, theirs] = await inTurns(pace, serverCpu, [
        perSecond(pace, inFlight, () => remote.call.plusOne(1)),
        perSecond(pace, inFlight, () => peer.plusOne(1)),
      ])
      const name = `beside ${id}: call, other process, ${inFlight} in flight`
      // The CPU time of its other program is not ours to ask for.
      const client = { ...theirs, serverUs: [], clientUs: [] }
      const about = { id: `peer.${id}.${inFlight}`, group: 'peers', name, unit: '/s', beside: peer.name } as const
      rows.push(rowOf(about, ours, client))
    }
    await peer.close()
  }
  await close()
  return missing.length === 0 ? { rows } : { rows, note }
}

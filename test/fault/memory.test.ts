/** Bytes of an enemy: each link is closed with a reason that is reported, memory stays, the node serves on. */
import t, { type Test } from 'tap'
import { realRandom } from '../../src/base/random.js'
import { bounded, HostileLab } from '../fixtures/hostile-lab.js'
import { bodyOf, deliver } from '../fixtures/hostile-lies.js'
import { HostilePeer } from '../fixtures/hostile-peer.js'

const frame = (kind: number, body: Buffer): Buffer => {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(body.length + 1)
  header[4] = kind
  return Buffer.concat([header, body])
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Many connections, one after the other; each must be closed with this code. */
const siege = async (
  t: Test,
  lab: HostileLab,
  what: string,
  times: number,
  attack: () => Promise<HostilePeer>,
  code: string,
) => {
  const before = lab.of('a', 'linkrefused').length + lab.of('a', 'linkdown').length
  // The first of its kind warms what stays warm.
  await (await attack()).closed
  await bounded(t, `${times} x ${what}`, async () => {
    let told = 0
    for (let i = 0; i < times; i += 1) {
      const peer = await attack()
      await peer.closed
      if (peer.bye?.code === code) told += 1
    }
    t.equal(told, times, `${what}: each is told ${code}`)
  })
  const ends = [...lab.of('a', 'linkrefused'), ...lab.of('a', 'linkdown')].filter((end) => end.code === code)
  t.ok(ends.length >= times && before < ends.length + before, 'and each is reported')
}

t.test('attack 15: a peer without the secret, and one with another', async (t) => {
  const lab = await HostileLab.open(t)
  const knock = async (secret?: string): Promise<HostilePeer> => {
    const who = { cluster: 'c', node: 'm', joining: true, ...(secret === undefined ? {} : { secret }) }
    const peer = new HostilePeer(lab.at('a').address, who)
    await peer.shake()
    return peer
  }
  await siege(t, lab, 'no secret', 100, () => knock(), 'ERR_AUTH')
  await siege(t, lab, 'a wrong secret', 100, () => knock('a wrong secret of many bytes'), 'ERR_AUTH')
  t.equal(lab.at('a').nodes().length, 1, 'nobody got in')
  await lab.unharmed()
})

t.test('attack 5, 22, 24: garbage, a length of 4 GiB and bombs before the handshake', async (t) => {
  const lab = await HostileLab.open(t)
  const say = async (bytes: Buffer): Promise<HostilePeer> => {
    const peer = new HostilePeer(lab.at('a').address, { cluster: 'c', node: 'm', joining: true })
    peer.raw(bytes)
    return peer
  }
  const garbage = realRandom()
    .bytes(256 * 1_024)
    .fill(0xff, 0, 1)
  await siege(t, lab, 'garbage', 50, () => say(garbage), 'ERR_FRAME_TOO_LARGE')
  await siege(t, lab, '4 GiB', 50, () => say(hex('ffffffff 01')), 'ERR_FRAME_TOO_LARGE')
  await siege(t, lab, 'a nested HELLO', 50, () => say(frame(1, Buffer.alloc(4_000, 0x91))), 'ERR_DECODE')
  await siege(t, lab, 'a HELLO of 4 billion', 50, () => say(frame(1, hex('dd ffffffff'))), 'ERR_DECODE')
  await lab.unharmed()
})

t.test('attack 5, 23, 24, 25, 26: the same from a peer with the secret', async (t) => {
  const lab = await HostileLab.open(t)
  const say = async (bytes: Buffer): Promise<HostilePeer> => {
    const peer = await lab.liar('a')
    peer.raw(bytes)
    return peer
  }
  const nested = Buffer.alloc(400_000, 0x91)
  const maps = Buffer.alloc(999_999)
  for (let i = 0; i < maps.length; i += 3) maps.set([0x81, 0xa1, 0x61], i)
  const bombs: [string, Buffer, string][] = [
    ['4 GiB', hex('ffffffff 10'), 'ERR_FRAME_TOO_LARGE'],
    ['400,000 nested lists', frame(34, nested), 'ERR_DECODE'],
    ['nested maps', frame(34, maps), 'ERR_DECODE'],
    [
      '20 nested lists of 30 million',
      frame(34, Buffer.concat(Array.from({ length: 20 }, () => hex('dd 01c9c380')))),
      'ERR_DECODE',
    ],
    ['a million empty maps', frame(34, Buffer.concat([hex('dd 000f423f'), Buffer.alloc(999_999, 0x80)])), 'ERR_DECODE'],
    ['random bytes', frame(34, realRandom().bytes(100_000).fill(0xc1, 0, 1)), 'ERR_DECODE'],
    ['a key named __proto__', frame(34, hex('91 81 a9 5f5f70726f746f5f5f 81 a8 706f6c6c75746564 01')), 'ERR_DECODE'],
  ]
  for (const [what, bytes, code] of bombs) await siege(t, lab, what, 10, () => say(bytes), code)
  await lab.unharmed()
})

t.test('bombs in the body of a call fail that call, and the link stays', async (t) => {
  const lab = await HostileLab.open(t)
  const liar = await lab.liar('a')
  const { epoch: line } = lab.at('a').whereis('on a')!
  const proto = hex('92 a4 6563686f 91 81 a9 5f5f70726f746f5f5f 81 a8 706f6c6c75746564 01')
  const bodies = [
    Buffer.alloc(900_000, 0x91),
    hex('dd ffffffff'),
    Buffer.alloc(900_000, 0xdd),
    proto,
    hex('c7 ffffffff'),
    bodyOf(null),
  ]
  await bounded(t, 'bombs in bodies', async () => {
    let seq = 0
    for (let round = 0; round < 10; round += 1) {
      for (const body of bodies) {
        seq += 1
        const call = deliver('on a', liar.origin, {
          line,
          seq,
          what: 'call',
          open: seq === 1,
          remainingMs: 5_000,
          body,
        })
        liar.send(call)
        await liar.next('REPLY', (reply) => reply.seq === call.seq)
        liar.send({ type: 'REPLY_ACK', name: 'on a', origin: liar.origin, lane: 0, seqs: [call.seq] })
      }
    }
    await liar.heard()
    t.equal(new Set(liar.all('REPLY').map((reply) => reply.seq)).size, seq, 'each call is answered')
  })
  t.notOk(liar.isClosed)
  await liar.end()
  await lab.unharmed()
})

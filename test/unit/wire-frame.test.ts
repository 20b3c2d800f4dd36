/** Frames of every kind of message: round trip, damage, and streams in pieces. */
import fc from 'fast-check'
import t from 'tap'
import { isMobilityError } from '../../src/base/errors.js'
import { defaultLimits } from '../../src/base/limits.js'
import { encodeValue, frameValueLimits } from '../../src/wire/codec.js'
import { decodeFrame, encodeFrame } from '../../src/wire/frame.js'
import { FrameReader, type OnFrame } from '../../src/wire/frame-reader.js'
import { scan } from '../../src/wire/guard.js'
import { KIND } from '../../src/wire/kinds.js'
import type { Message } from '../../src/wire/messages.js'
import { bytesOf, messageNames, messageOf, samples } from '../fixtures/wire-samples.js'

const limits = defaultLimits
const decode = (frame: Buffer): Message | undefined => decodeFrame(frame[4] as number, frame.subarray(5), limits)

/** The messages that a stream of chunks holds. */
const readAll = (chunks: Iterable<Buffer>, bytesMax = limits.frameBytesMax): (Message | undefined)[] => {
  const reader = new FrameReader(bytesMax)
  const out: (Message | undefined)[] = []
  for (const chunk of chunks) reader.push(chunk, (kind, body) => void out.push(decodeFrame(kind, body, limits)))
  return out
}

function* pieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size))
}

t.test('every message of the table comes back as it was', async (t) => {
  t.strictSame([...messageNames].sort(), Object.keys(KIND).sort(), 'each message has a number')
  for (const name of messageNames) {
    fc.assert(
      fc.property(messageOf(name), (message) => {
        const frame = encodeFrame(message, limits)
        const back = decode(frame)
        return (
          frame.readUInt32BE() === frame.length - 4 && back?.type === name && encodeFrame(back, limits).equals(frame)
        )
      }),
      { numRuns: 40 },
    )
  }
  for (const message of samples) t.strictSame(decode(encodeFrame(message, limits)), message, message.type)
})

/** A decode that may only succeed with what the guard lets pass and can be written again, or fail with our codes. */
const isHandled = (frame: Buffer): boolean => {
  try {
    const message = decode(frame)
    if (message === undefined) return true
    encodeFrame(message, limits)
  } catch (error) {
    return isMobilityError(error) && ['ERR_DECODE', 'ERR_PROTOCOL'].includes(error.code)
  }
  scan(frame.subarray(5), frameValueLimits(limits), false)
  return true
}

t.test('attack 32: every message cut at every byte is refused', async (t) => {
  for (const message of samples) {
    const frame = encodeFrame(message, limits)
    let refused = 0
    for (let length = 5; length < frame.length; length++) {
      try {
        decode(frame.subarray(0, length))
      } catch (error) {
        if (isMobilityError(error) && error.code === 'ERR_DECODE') refused += 1
      }
      if (readAll([frame.subarray(0, length)]).length > 0) t.fail('half a frame was handed out')
    }
    t.equal(refused, frame.length - 5, message.type)
  }
})

t.test('attack 32: every message with any one bit flipped is refused, or is another legal message', async (t) => {
  for (const message of samples) {
    const frame = encodeFrame(message, limits)
    let handled = 0
    for (let bit = 32; bit < 8 * frame.length; bit++) {
      const at = bit >> 3
      frame[at] = (frame[at] as number) ^ (1 << (bit & 7))
      if (isHandled(frame)) handled += 1
      frame[at] = (frame[at] as number) ^ (1 << (bit & 7))
    }
    t.equal(handled, 8 * frame.length - 32, message.type)
  }
})

t.test('attack 33: one byte a packet and all frames in one packet give the same', async (t) => {
  const stream = Buffer.concat(samples.map((message) => encodeFrame(message, limits)))
  for (const size of [1, 2, 3, 7, 64, 1_000, stream.length]) {
    t.strictSame(readAll(pieces(stream, size)), samples, `pieces of ${size}`)
  }
  const thousand = Buffer.concat(new Array(1_000).fill(encodeFrame({ type: 'HEARTBEAT', sentAt: 1 }, limits)))
  t.equal(readAll([thousand]).length, 1_000)
})

t.test('attack 33: the time for a large frame in small pieces grows with its bytes only', async (t) => {
  const bytesMax = 64 << 20
  const msFor = (bytes: number, size: number): number => {
    const frame = Buffer.alloc(bytes + 4, 7)
    frame.writeUInt32BE(bytes)
    const reader = new FrameReader(bytesMax)
    let seen = 0
    const onFrame: OnFrame = (_, body) => {
      seen = body.length
    }
    const start = performance.now()
    for (let at = 0; at < frame.length; at += size) reader.push(frame.subarray(at, at + size), onFrame)
    t.equal(seen, bytes - 1)
    return performance.now() - start
  }
  msFor(1 << 20, 1_400)
  const small = Math.min(msFor(4 << 20, 1_400), msFor(4 << 20, 1_400))
  const large = Math.min(msFor(32 << 20, 1_400), msFor(32 << 20, 1_400))
  t.ok(large < 40 * small + 50, `8 times the bytes: ${small.toFixed(1)} ms, then ${large.toFixed(1)} ms`)
  t.ok(msFor(1 << 20, 1) < 2_000, 'a megabyte byte by byte')
})

const stopsAt = (bytes: Buffer, bytesMax: number): { code: string; consumed: number } => {
  const reader = new FrameReader(bytesMax)
  for (let i = 0; i < bytes.length; i++) {
    try {
      reader.push(bytes.subarray(i, i + 1), () => t.fail('a frame was handed out'))
    } catch (error) {
      return { code: isMobilityError(error) ? error.code : String(error), consumed: i + 1 }
    }
  }
  return { code: 'none', consumed: bytes.length }
}

t.test('attack 5: a length over the limit is refused at its 4th byte, before anything is set aside', async (t) => {
  const before = process.memoryUsage().rss
  for (const hex of ['ffffffff', '7fffffff', '00001001']) {
    t.strictSame(stopsAt(bytesOf(hex, '0000'), 4_096), { code: 'ERR_FRAME_TOO_LARGE', consumed: 4 })
  }
  t.strictSame(stopsAt(bytesOf('00001000', '0000'), 4_096), { code: 'none', consumed: 6 })
  const readers = [...Array(1_000)].map(() => new FrameReader(1 << 28))
  for (const reader of readers) reader.push(bytesOf('1000000000'), () => true)
  t.ok(process.memoryUsage().rss - before < 80 << 20, 'a length alone costs at most 64 KiB')
})

t.test('attack 6: a length of 0 is refused', async (t) => {
  t.strictSame(stopsAt(bytesOf('00000000 01'), 4_096), { code: 'ERR_EMPTY_FRAME', consumed: 4 })
})

t.test('a limit set while a frame is handled holds for the next frame of the same chunk', async (t) => {
  const frame = (length: number): Buffer => bytesOf(length.toString(16).padStart(8, '0'), Buffer.alloc(length, 1))
  const chunk = Buffer.concat([frame(4), frame(100), frame(4)])
  const reader = new FrameReader(10)
  const sizes: number[] = []
  reader.push(chunk, (_, body) => {
    sizes.push(body.length)
    reader.setLimit(sizes.length === 1 ? 100 : 3)
    if (sizes.length === 2) reader.setLimit(4)
  })
  t.strictSame(sizes, [3, 99, 3])
  const strict = new FrameReader(100)
  t.throws(() => strict.push(chunk, () => strict.setLimit(10)), { code: 'ERR_FRAME_TOO_LARGE' })
})

t.test('a consumer that stops in the middle of a chunk gets the rest later, in order', async (t) => {
  const stream = Buffer.concat(samples.map((message) => encodeFrame(message, limits)))
  for (const size of [1, 50, stream.length]) {
    const reader = new FrameReader(limits.frameBytesMax)
    const out: (Message | undefined)[] = []
    const one: OnFrame = (kind, body) => {
      out.push(decodeFrame(kind, body, limits))
      return false
    }
    for (const piece of pieces(stream, size)) {
      const before = out.length
      reader.push(piece, one)
      t.ok(out.length - before <= 1, 'one at a time')
    }
    while (out.length < samples.length) reader.resume(one)
    reader.resume(() => t.fail('nothing is left') as never)
    t.strictSame(out, samples)
  }
})

t.test('bytes pushed while a frame is handled wait for their turn', async (t) => {
  const frame = (id: number): Buffer => bytesOf('00000002', Buffer.of(id, 0))
  const reader = new FrameReader(10)
  const order: number[] = []
  const onFrame: OnFrame = (kind) => {
    order.push(kind)
    if (kind === 1) reader.push(frame(9), onFrame)
    order.push(-kind)
  }
  reader.push(Buffer.concat([frame(1), frame(2)]), onFrame)
  t.strictSame(order, [1, -1, 2, -2, 9, -9])
})

t.test('attack 37: an unknown kind is refused, unless it may be ignored', async (t) => {
  t.throws(() => decodeFrame(15, bytesOf('90'), limits), { code: 'ERR_PROTOCOL', fields: { reason: /kind 15/ } })
  t.throws(() => decodeFrame(0, bytesOf('90'), limits), { code: 'ERR_PROTOCOL' })
  t.equal(decodeFrame(0x80 | 15, bytesOf('c1'), limits), undefined)
})

t.test('a newer node may send more fields; extensions and maps are no fields', async (t) => {
  t.strictSame(decodeFrame(KIND.RETIRED, bytesOf('94a161920102c3810102'.replace('810102', '81a16102')), limits), {
    type: 'RETIRED',
    name: 'a',
    attempt: { epoch: 1, counter: 2 },
  })
  const refuse = (hex: string, reason: RegExp): void => {
    t.throws(() => decodeFrame(KIND.RETIRED, bytesOf(hex), limits), { code: 'ERR_DECODE', fields: { reason } })
  }
  refuse('92a16192cb7ff800000000000002', /^RETIRED\.attempt\.epoch must be a whole number/)
  refuse('92a161920102c0', /more after the value/)
  refuse('92a161d40100', /extension/)
  refuse('80', /RETIRED must be a list of fields/)
  refuse('', /too early/)
  // What nobody knows at the end is looked at as closely as the rest.
  const unknown = (hex: string, reason: RegExp): void => refuse(`93a161920102${hex}`, reason)
  unknown('d40100', /extension/)
  unknown('ddffffffff', /too many|too early/)
  unknown('81c001', /key is not a string/)
  unknown('a1ff', /UTF-8/)
  unknown('c1', /means nothing/)
  unknown(`${'91'.repeat(64)}01`, /deeper/)
  unknown('', /too early/)
  t.doesNotThrow(() => decodeFrame(KIND.RETIRED, bytesOf(`93a161920102${'91'.repeat(63)}01`), limits))
  refuse('dd00100000a161920102', /too many|too early/)
})

t.test('the number of values in a frame is limited, those that nobody knows included', async (t) => {
  const few = { ...limits, frameElementsMax: 5 }
  t.doesNotThrow(() => decodeFrame(KIND.RETIRED, bytesOf('92a161920102'), few))
  for (const hex of ['93a16192010201', '92a16193010201', '92a1619301029101']) {
    t.throws(() => decodeFrame(KIND.RETIRED, bytesOf(hex), few), { code: 'ERR_DECODE', fields: { reason: /too many/ } })
  }
})

t.test('our own mistakes are found before they leave', async (t) => {
  const bad: Message = { type: 'RETIRED', name: 'x'.repeat(256), attempt: { epoch: 1, counter: 1 } }
  t.throws(() => encodeFrame(bad, limits), { code: 'ERR_BAD_ARGUMENT', fields: { what: 'RETIRED.name' } })
  const chunk: Message = { type: 'CHUNK', transfer: 1, index: 1, bytes: Buffer.alloc(limits.frameBytesMax) }
  t.throws(() => encodeFrame(chunk, limits), { code: 'ERR_FRAME_TOO_LARGE' })
  const reason = `${'ä'.repeat(2_000)}\ud800`
  const back = decode(encodeFrame({ type: 'BYE', code: 'x', reason, left: false }, limits))
  t.equal(back?.type === 'BYE' && back.reason, 'ä'.repeat(512), 'a reason is cut, never refused')
})

t.test('the bytes of a chunk are not copied, those of a small message do not hold a network buffer', async (t) => {
  const bytes = Buffer.alloc(65_536, 3)
  const frame = encodeFrame({ type: 'CHUNK', transfer: 1, index: 0, bytes }, limits)
  const chunk = decode(frame)
  t.ok(chunk?.type === 'CHUNK' && chunk.bytes.equals(bytes) && chunk.bytes.buffer === frame.buffer)
  const body = encodeValue(['x'], 'args', frameValueLimits(limits))
  const small = encodeFrame({ type: 'REPLY', name: 'a', origin: 'c/n/1', lane: 0, seq: 1, epoch: 1, body }, limits)
  const reply = decode(small)
  t.ok(reply?.type === 'REPLY' && reply.body.equals(body) && reply.body.buffer !== small.buffer)
})

/** Stores on a disk: killed programs, a full disk, files that are not what was written (FAULTS 61 to 65, attack 49). */
import { type ChildProcessByStdio as Child, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type Test, test } from 'tap'
import { realClock } from '../../src/base/clock.js'
import type { Logger } from '../../src/base/ports.js'
import { SeededRandom } from '../../src/base/random.js'
import { embeddedOf, embeddedStore } from '../../src/store/embedded-store.js'
import { fileStore } from '../../src/store/file-store.js'
import { lmdbStore } from '../../src/store/lmdb-store.js'
import { patient } from '../../src/store/patient.js'
import { loadPeer } from '../../src/store/peer.js'
import type { Store } from '../../src/store/store.js'
import { isWhole, WRITTEN, WRITTEN_KEEP, writerStore } from '../fixtures/store-writer.js'
import { testFolder } from '../fixtures/stores.js'

const seed = process.env.SEED ?? String(Math.floor(Math.random() * 1e9))
const random = new SeededRandom(seed)

const opened = (t: Test, store: Store): Store => {
  t.teardown(() => store.close())
  return store
}

const writer = (t: Test, kind: string, path: string, epoch: number, count: number): Child<null, Readable, null> => {
  const args = ['dist/test/fixtures/store-writer.js', kind, path, String(epoch), String(count)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

// ---- two programs

for (const kind of ['file', 'lmdb']) {
  test(`G2: ${kind}: two programs save the same name at once: the higher epoch wins`, async (t) => {
    const path = join(testFolder(t), 'states')
    const count = 150
    const answersOf = async (epoch: number): Promise<string[]> => {
      const answers: string[] = []
      for await (const line of createInterface({ input: writer(t, kind, path, epoch, count).stdout }))
        answers.push(line)
      return answers
    }
    const [owner = [], late = []] = await Promise.all([answersOf(2), answersOf(1)])
    t.same(
      owner,
      Array.from({ length: count }, (_, i) => `${i + 1} saved`),
      'nothing of the owner is refused',
    )
    t.equal(late.length, count)
    const firstStale = late.findIndex((line) => line.endsWith('stale'))
    t.ok(firstStale >= 0, 'the other one was told')
    t.ok(
      late.slice(firstStale).every((line) => line.endsWith('stale')),
      'and ever after',
    )
    const store = opened(t, writerStore(kind, path))
    for (let back = 0; back < WRITTEN_KEEP; back += 1) {
      const saved = await store.load(WRITTEN, back)
      t.match(saved, { epoch: 2, revision: count - back })
      t.ok(saved !== undefined && isWhole(saved))
    }
    t.equal(await store.load(WRITTEN, WRITTEN_KEEP), undefined)
  })
}

// ---- kill -9 at any moment

for (const kind of ['file', 'lmdb']) {
  test(`fault 63: ${kind}: a writer is killed again and again: old or new, and all that was answered`, async (t) => {
    const path = join(testFolder(t), 'states')
    let last = 0
    for (let round = 0; round < 12; round += 1) {
      const child = writer(t, kind, path, 1, 1_000_000)
      const gone = once(child, 'exit')
      let left = random.between(1, 20)
      const turns = random.between(0, 40)
      for await (const line of createInterface({ input: child.stdout })) {
        last = Number.parseInt(line, 10)
        if (!line.endsWith(' saved')) t.fail(`${line}, and nobody else writes`)
        left -= 1
        if (left !== 0) continue
        // Somewhere inside a later write.
        for (let i = 0; i < turns; i += 1) await new Promise(setImmediate)
        child.kill('SIGKILL')
      }
      await gone
      const store = writerStore(kind, path)
      const found = []
      for (let back = 0; back < WRITTEN_KEEP; back += 1) found.push(await store.load(WRITTEN, back))
      await store.close()
      const about = `SEED=${seed} round ${round}`
      t.ok((found[0]?.revision ?? 0) >= last, `${about}: ${last} was answered, ${found[0]?.revision} is there`)
      for (const saved of found) if (saved !== undefined) t.ok(isWhole(saved), `${about}: ${saved.revision} is whole`)
      t.equal(found.filter((one) => one !== undefined).length, Math.min(WRITTEN_KEEP, found[0]?.revision ?? 0), about)
    }
    t.ok(last > 20, `${last} were saved`)
  })
}

test('what killed programs left behind is tidied up, once it is old', async (t) => {
  const dir = testFolder(t)
  const store = opened(t, fileStore({ dir }))
  await store.save('x', { epoch: 1, revision: 1 }, Buffer.from('a'), 2)
  const folder = folderOf(dir)
  for (const left of ['.new-1-old', '.new-1-young']) writeFileSync(join(folder, left), 'half of')
  utimesSync(join(folder, '.new-1-old'), 1_000, 1_000)
  await store.save('x', { epoch: 1, revision: 2 }, Buffer.from('b'), 2)
  t.same(
    readdirSync(folder).filter((file) => file.startsWith('.new')),
    ['.new-1-young'],
  )
})

// ---- a full disk

const mountSmall = (folder: string): boolean => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const canMount = (): boolean => process.platform === 'linux' && process.getuid?.() === 0

for (const kind of ['file', 'lmdb']) {
  const skip = canMount() ? false : 'needs root on Linux, to mount a small disk'
  test(`fault 61: ${kind}: a full disk is ERR_STORE, and what was saved stays`, { skip }, async (t) => {
    const folder = join(testFolder(t), 'small')
    mkdirSync(folder)
    if (!mountSmall(folder)) throw new Error('a tmpfs could not be mounted')
    const inner = writerStore(kind, join(folder, 'states'))
    const store = patient(inner, realClock(), 5_000)
    t.teardown(async () => {
      await store.close()
      execFileSync('umount', ['-l', folder])
    })
    const bytesOf = (revision: number): Buffer => Buffer.alloc(4_000, revision)
    const fill = async (): Promise<number> => {
      for (let revision = 1; revision < 50; revision += 1) {
        try {
          await store.save(`n${revision}`, { epoch: 1, revision }, bytesOf(revision), 2)
        } catch (error) {
          t.match(error, { code: 'ERR_STORE', retryable: true })
          return revision
        }
      }
      throw new Error('the disk is never full')
    }
    const full = await fill()
    t.ok(full > 2, `full at the save of state ${full}`)
    for (let again = 0; again < 3; again += 1) {
      await t.rejects(store.save('n1', { epoch: 2, revision: again + 1 }, Buffer.alloc(60_000), 2), {
        code: 'ERR_STORE',
      })
    }
    for (let revision = 1; revision < full; revision += 1) {
      t.ok((await store.load(`n${revision}`, 0))?.bytes.equals(bytesOf(revision)), `state ${revision} is as it was`)
    }
    t.equal((await store.list('', 100)).length, full - 1)
    await store.forget('n1', { epoch: 1, revision: 1 })
    await store.forget('n2', { epoch: 1, revision: 2 })
    t.equal(await store.save('n3', { epoch: 2, revision: 1 }, Buffer.from('small'), 2), 'saved', 'with room it goes on')
    t.equal((await store.load('n3', 0))?.bytes.toString(), 'small')
  })
}

// ---- files that are not what was written

/** The folder of the only name in it. */
const folderOf = (dir: string): string => {
  const [shard = ''] = readdirSync(dir)
  const [hash = ''] = readdirSync(join(dir, shard))
  return join(dir, shard, hash)
}

const entriesOf = (folder: string): string[] => readdirSync(folder).filter((file) => /^\d+-\d+$/.test(file))

/** One name with two states, and the path of the newest. */
const twoStates = async (t: Test): Promise<{ store: Store; folder: string; newest: string; older: string }> => {
  const dir = testFolder(t)
  const store = opened(t, fileStore({ dir }))
  await store.save('x', { epoch: 7, revision: 1 }, Buffer.alloc(3_000, 'old'), 2)
  await store.save('x', { epoch: 7, revision: 2 }, good, 2)
  const folder = folderOf(dir)
  const [older = '', newest = ''] = entriesOf(folder)
    .sort()
    .map((file) => join(folder, file))
  return { store, folder, newest, older }
}

const good = Buffer.alloc(3_000, 'new')

/** Something is there, with its stamp, and it is not taken for what was saved. The one before it is whole. */
const checkDamage = async (t: Test, store: Store, about: string): Promise<void> => {
  const saved = await store.load('x', 0)
  t.match(saved, { epoch: 7, revision: 2 }, `${about}: something is there`)
  if (saved === undefined) return
  t.notOk(
    saved.bytes.equals(good) || saved.bytes.equals(Buffer.alloc(3_000, 'old')),
    `${about}: it is not taken for good`,
  )
  t.ok((await store.load('x', 1))?.bytes.equals(Buffer.alloc(3_000, 'old')), `${about}: the one before is there`)
  t.same(await store.list('', 10), ['x'])
}

test('attack 49: file: truncated at every 512 bytes and at every byte of its head', async (t) => {
  const { store, newest } = await twoStates(t)
  const whole = readFileSync(newest)
  const lengths = new Set([...Array(80).keys(), ...Array.from({ length: 6 }, (_, i) => i * 512), whole.length - 1])
  for (const length of lengths) {
    writeFileSync(newest, whole.subarray(0, length))
    await checkDamage(t, store, `${length} bytes`)
  }
  writeFileSync(newest, Buffer.concat([whole, Buffer.alloc(1)]))
  await checkDamage(t, store, 'one byte too many')
  writeFileSync(newest, whole)
  t.ok((await store.load('x', 0))?.bytes.equals(good))
})

test('attack 49: file: a bit flipped anywhere', async (t) => {
  const { store, newest } = await twoStates(t)
  const whole = readFileSync(newest)
  const offsets = [...Array(60).keys(), ...Array.from({ length: 40 }, () => random.between(60, whole.length - 1))]
  for (const offset of offsets) {
    const flipped = Buffer.from(whole)
    flipped[offset] = (flipped[offset] as number) ^ (1 << random.between(0, 7))
    writeFileSync(newest, flipped)
    await checkDamage(t, store, `SEED=${seed} offset ${offset}`)
  }
})

test('attack 49: file: a link, a pipe, a folder, another file, one that anybody may write', async (t) => {
  const odd: Readonly<Record<string, (newest: string, older: string) => Promise<void> | void>> = {
    link: (newest) => {
      renameSync(newest, `${newest}.moved`)
      symlinkSync(`${newest}.moved`, newest)
    },
    pipe: (newest) => {
      unlinkSync(newest)
      execFileSync('mkfifo', [newest])
    },
    folder: (newest) => {
      unlinkSync(newest)
      mkdirSync(newest)
    },
    older: (newest, older) => copyFileSync(older, newest),
    writable: (newest) => chmodSync(newest, 0o666),
    other: async (newest) => {
      const dir = testFolder(t)
      await opened(t, fileStore({ dir })).save('y', { epoch: 7, revision: 2 }, good, 2)
      const [file = ''] = entriesOf(folderOf(dir))
      copyFileSync(join(folderOf(dir), file), newest)
    },
  }
  for (const [what, act] of Object.entries(odd)) {
    const { store, newest, older } = await twoStates(t)
    await act(newest, older)
    await checkDamage(t, store, what)
  }
})

test('attack 49: file: what is damaged is mended by the same save, and by the next one', async (t) => {
  const { store, newest } = await twoStates(t)
  writeFileSync(newest, 'rubbish')
  t.equal(await store.save('x', { epoch: 7, revision: 2 }, good, 2), 'saved')
  t.ok((await store.load('x', 0))?.bytes.equals(good))
  writeFileSync(newest, 'rubbish')
  t.equal(await store.save('x', { epoch: 7, revision: 1 }, good, 2), 'stale', 'its stamp still counts')
  t.equal(await store.save('x', { epoch: 8, revision: 1 }, good, 2), 'saved')
  t.ok((await store.load('x', 0))?.bytes.equals(good))
})

test('attack 49: file: a folder of a name that is a link, and one that everybody may write, are refused', async (t) => {
  const { store, folder } = await twoStates(t)
  renameSync(folder, `${folder}.moved`)
  symlinkSync(`${folder}.moved`, folder)
  await t.rejects(store.load('x', 0), /is no folder/)
  await t.rejects(store.save('x', { epoch: 9, revision: 1 }, good, 2), /is no folder/)
  const dir = join(testFolder(t), 'open')
  mkdirSync(dir)
  chmodSync(dir, 0o777)
  await t.rejects(opened(t, fileStore({ dir })).load('x', 0), /everybody may write/)
})

test('attack 50: file: no name is a part of a path, and nothing is outside of the folder', async (t) => {
  const folder = testFolder(t)
  const store = opened(t, fileStore({ dir: join(folder, 'states') }))
  for (const name of ['../../etc/passwd', '/etc/passwd', 'a/b', '..', 'CON', 'aux.txt']) {
    await store.save(name, { epoch: 1, revision: 1 }, Buffer.from(name), 1)
  }
  t.same(readdirSync(folder), ['states'])
  const paths = readdirSync(join(folder, 'states'), { recursive: true, encoding: 'utf8' })
  const expected = /^[0-9a-f]{2}(\/[0-9a-f]{64}(\/(name|\d{16}-\d{16}))?)?$/
  t.same(
    paths.filter((path) => !expected.test(path)),
    [],
  )
})

test('lmdb: a bit flipped in a state is given as it is', async (t) => {
  const path = testFolder(t)
  const store = lmdbStore({ path })
  await store.save('x', { epoch: 1, revision: 1 }, Buffer.from('a state to be found in the file'), 2)
  await store.close()
  const file = join(path, 'data.mdb')
  const bytes = readFileSync(file)
  const at = bytes.indexOf('to be found')
  bytes.write('TO', at)
  writeFileSync(file, bytes)
  const again = opened(t, lmdbStore({ path }))
  t.equal((await again.load('x', 0))?.bytes.toString(), 'a state TO be found in the file')
})

// ---- the embedded store chooses

test('embedded: lmdb where it loads, files where it does not, and what is there stays what it is', async (t) => {
  const warned: string[] = []
  const logger: Logger = { debug() {}, info() {}, warn: (_, text) => void warned.push(text), error() {} }
  const absent = 'no-such-package-of-anybody'
  const fails = () => loadPeer('lmdb', absent, () => import(absent))
  const broken = (): Store => ({ where: 'none', save: fails, load: fails, forget: fails, list: fails, close: fails })
  const makers = { lmdb: broken, files: (dir: string) => fileStore({ dir }) }
  const stamp = { epoch: 1, revision: 1 }

  const path = join(testFolder(t), 'a')
  const files = opened(t, embeddedOf({ path, logger }, makers))
  t.match(files.where, /^embedded /)
  t.equal(await files.save('x', stamp, Buffer.from('a'), 1), 'saved')
  t.match(files.where, /^file /)
  t.same(warned, ['lmdb cannot be loaded: states are kept in plain files'])
  const later = opened(t, embeddedStore({ path, logger }))
  t.equal((await later.load('x', 0))?.bytes.toString(), 'a', 'files stay files when lmdb loads')
  t.match(later.where, /^file /)

  const other = join(testFolder(t), 'b')
  const inLmdb = embeddedStore({ path: other, logger })
  await inLmdb.save('x', stamp, Buffer.from('b'), 1)
  t.match(inLmdb.where, /^lmdb /)
  await inLmdb.close()
  const cannot = opened(t, embeddedOf({ path: other, logger }, makers))
  await t.rejects(cannot.load('x', 0), { code: 'ERR_STORE_MISSING' }, 'it does not begin anew beside what is there')
  t.equal(warned.length, 1)
})

test('ERR_OPTION: a path that is none', async (t) => {
  const bad = [undefined, '', 5, 'a\0b'] as unknown as string[]
  for (const path of bad) {
    t.throws(() => fileStore({ dir: path }), { code: 'ERR_OPTION' })
    t.throws(() => lmdbStore({ path }), { code: 'ERR_OPTION' })
    t.throws(() => embeddedStore({ path }), { code: 'ERR_OPTION' })
  }
  t.throws(() => embeddedStore({ path: 'a', logger: {} as Logger }), { code: 'ERR_OPTION' })
})

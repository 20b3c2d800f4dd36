/** What members may say about children, and what of it is believed; what is lost is asked for again. */
import { type Test, test } from 'tap'
import { VirtualClock } from '../../src/base/clock.js'
import { type EventOf, Events } from '../../src/base/events.js'
import { defaultLimits } from '../../src/base/limits.js'
import { silentLogger } from '../../src/base/ports.js'
import { Candidates } from '../../src/cluster/candidates.js'
import { ChildCare } from '../../src/cluster/child-care.js'
import { pubsub } from '../../src/cluster/sync-strategy.js'
import type { Child, Entry, Member, Message } from '../../src/wire/messages.js'

const WALL = 1_700_000_000_000
const address = { host: 'x', port: 1 }

const child = (name: string, more: Partial<Child> = {}): Child => ({
  name,
  kind: 'k',
  args: Buffer.from([0x90]),
  restart: 'permanent',
  tags: [],
  metadata: Buffer.from([0xc0]),
  nodes: [],
  status: 'wanted',
  reason: '',
  revision: WALL,
  by: 'b',
  born: 'b/1/1',
  after: 0,
  ...more,
})

/** Node a, with members b and c; `home` is the home of every name. */
class Lab {
  readonly clock = new VirtualClock()
  readonly sent: Array<{ readonly to: string; readonly message: Message }> = []
  readonly violations: EventOf<'violation'>[] = []
  readonly limitEvents: EventOf<'limit'>[] = []
  readonly started: string[] = []
  readonly stopped: string[] = []
  readonly entries = new Map<string, Entry>()
  members: Member[] = ['b', 'c'].map((node) => ({ node, incarnation: 1, address }))
  home = 'a'
  homeOf = (_name: string): string => this.home
  settled = true
  runs = new Set<string>()
  readonly care: ChildCare

  constructor(limits: Partial<typeof defaultLimits> = {}) {
    const events = new Events('a', silentLogger)
    events.on('violation', (event) => this.violations.push(event))
    events.on('limit', (event) => this.limitEvents.push(event))
    const self = () => ({ cluster: 'c', node: 'a', incarnation: 1 })
    const peers = {
      live: () => this.members,
      isLive: () => true,
      isDead: () => false,
      send: (to: string, message: Message) => this.sent.push({ to, message }) > 0,
      broadcast: (message: Message) => {
        for (const { node } of this.members) this.sent.push({ to: node, message })
      },
    }
    const lab = this
    this.care = new ChildCare({
      clock: this.clock.view({ offsetMs: 0 }),
      log: silentLogger,
      events,
      limits: { ...defaultLimits, ...limits },
      self,
      peers,
      directory: {
        lookup: (name) => this.entries.get(name),
        isRecovering: () => false,
        homeOf: (name) => this.homeOf(name),
        mayOwn: () => true,
        isGranting: () => false,
        get settled() {
          return lab.settled
        },
        flush() {},
      },
      candidates: new Candidates({
        self,
        peers,
        isLeaving: () => false,
        mayOwn: () => true,
        offers: () => [{ kind: 'k', version: 1, oldest: 1 }],
      }),
      rules: { restartsMax: 5, periodMs: 60_000, backoffMs: 200, backoffMsMax: 5_000, againMs: 5_000 },
      settings: 'mine',
      sync: pubsub(),
      choose: (_, nodes) => ({ node: nodes.includes('b') ? 'b' : 'a' }),
      runsHere: (name) => this.runs.has(name),
      refusal: () => undefined,
      start: async ({ name }) => {
        this.started.push(name)
        this.runs.add(name)
        return 'fresh'
      },
      stopsHere: () => {},
      rolesChanged() {},
      stop: async (name) => {
        this.stopped.push(name)
        this.runs.delete(name)
      },
    })
  }

  told(from: string, children: readonly Child[]): void {
    this.care.received(from, { type: 'CHILDREN', children, digest: [], ask: 0, answer: 0, settings: '' })
  }

  of<T extends Message['type']>(type: T): Array<{ to: string; message: Extract<Message, { type: T }> }> {
    return this.sent.filter(({ message }) => message.type === type) as never
  }

  /** Every member says that it has nothing more. */
  answerAll(): void {
    for (const { to, message } of this.of('CHILDREN')) {
      if (message.ask > 0)
        this.care.received(to, {
          type: 'CHILDREN',
          children: [],
          digest: [],
          ask: 0,
          answer: message.ask,
          settings: '',
        })
    }
  }

  async close(t: Test): Promise<void> {
    this.care.close()
    await this.clock.advance(1)
    t.equal(this.clock.pending, 0, 'no timer is left')
  }
}

test('G15: a record that cannot be is a violation, and is not taken', async (t) => {
  const lab = new Lab()
  const wall = lab.clock.wall()
  const wrong: readonly (readonly [Child, RegExp])[] = [
    [child('', {}), /a name that none can have/],
    [child('a\nb'), /a name that none can have/],
    [child('x', { kind: '' }), /without a kind/],
    [child('x', { revision: wall + 25 * 3_600_000 }), /revision .* far above/],
    [child('x', { after: wall + 25 * 3_600_000 }), /epoch .* far above/],
    [child('x', { args: Buffer.alloc(40_000) }), /childBytesMax/],
    [child('x', { group: 'y' }), /named x as a replica of another name/],
    [child('x#0', { group: 'x' }), /a replica of another name/],
    [child('x#01', { group: 'x' }), /a replica of another name/],
    [child('x#9999', { group: 'x' }), /a replica of another name/],
    [child('#1', { group: '' }), /a replica of another name/],
    [child('x#1', { group: 'x', replicas: { count: 2, guided: false } }), /a replica that has replicas/],
  ]
  for (const [record, why] of wrong) {
    lab.told('b', [record])
    t.match(lab.violations.at(-1), { peer: 'b', what: why })
    lab.care.received('b', { type: 'CHILD_START', id: 1, what: 'want', children: [record] })
    t.match(lab.violations.at(-1), { peer: 'b', what: why })
  }
  t.equal(lab.violations.length, 2 * wrong.length)
  t.equal(lab.care.roster.size, 0)
  await lab.close(t)
})

test('G15: more children than there may be: one event, and the others are kept', async (t) => {
  const lab = new Lab({ childrenMax: 3 })
  lab.told(
    'b',
    ['1', '2', '3', '4', '5'].map((name) => child(name, { revision: lab.clock.wall() })),
  )
  t.equal(lab.care.roster.size, 3)
  t.match(lab.limitEvents, [{ limit: 'childrenMax', value: 3 }])
  lab.care.received('b', { type: 'CHILD_START', id: 9, what: 'want', children: [child('6')] })
  await lab.clock.advance(1)
  t.match(lab.of('CHILD_DONE'), [{ to: 'b', message: { id: 9, results: [{ name: '6', code: 'ERR_OVERLOAD' }] } }])
  await lab.close(t)
})

test('who is not the home of a name starts, checks and buries nothing', async (t) => {
  const lab = new Lab()
  lab.home = 'b'
  for (const what of ['start', 'check', 'gone'] as const)
    lab.care.received('c', { type: 'CHILD_START', id: 1, what, children: [child('x', { revision: lab.clock.wall() })] })
  await lab.clock.advance(1)
  t.same(
    lab.violations.map(({ what }) => what),
    ['start', 'check', 'gone'].map((what) => `told to ${what} a child whose home it is not`),
  )
  t.same(lab.started, [])
  lab.care.received('b', {
    type: 'CHILD_START',
    id: 2,
    what: 'start',
    children: [child('x', { revision: lab.clock.wall() })],
  })
  await lab.clock.advance(1)
  t.same(lab.started, ['x'], 'the home does, and brings its record along')
  t.match(lab.of('CHILD_DONE'), [{ to: 'b', message: { id: 2, results: [{ name: 'x', code: '', node: 'a' }] } }])
  await lab.close(t)
})

test('62: what is started as a replica knows which one is active: its group comes ahead of it', async (t) => {
  const lab = new Lab()
  const revision = lab.clock.wall()
  const group = child('x', { revision, replicas: { count: 1, active: 0, guided: false } })
  lab.care.received('b', { type: 'CHILD_START', id: 7, what: 'want', children: [group] })
  await lab.clock.advance(10)
  const started = lab.of('CHILD_START').filter(({ message }) => message.what === 'start')
  t.same(
    started.flatMap(({ message }) =>
      message.children.map(({ name, group, replicas }) => [name, group, replicas?.count]),
    ),
    [
      ['x', undefined, 1],
      ['x#1', 'x', undefined],
    ],
  )
  const other = new Lab()
  other.home = 'b'
  for (const { message } of started) other.care.received('b', message)
  await other.clock.advance(1)
  t.same(other.started, ['x#1'], 'the group itself is no process')
  t.match(other.care.roster.get('x'), { replicas: { count: 1, active: 0 } })
  t.same(other.violations, [])
  for (const each of [lab, other]) await each.close(t)
})

test('62: only the home of its group starts a replica, whoever is the home of its own name', async (t) => {
  const lab = new Lab()
  const homes = new Map([
    ['x', 'b'],
    ['x#1', 'c'],
  ])
  lab.homeOf = (name) => homes.get(name) ?? 'a'
  const replica = child('x#1', { revision: lab.clock.wall(), group: 'x' })
  for (const from of ['c', 'b'])
    lab.care.received(from, { type: 'CHILD_START', id: 1, what: 'start', children: [replica] })
  await lab.clock.advance(1)
  t.match(lab.violations, [{ peer: 'c', name: 'x#1' }])
  t.same(lab.started, ['x#1'])
  await lab.close(t)
})

test('asked twice it starts once, and answers twice; what was removed meanwhile is stopped again', async (t) => {
  const lab = new Lab()
  lab.home = 'b'
  const record = child('x', { revision: lab.clock.wall() })
  for (const id of [1, 2]) lab.care.received('b', { type: 'CHILD_START', id, what: 'start', children: [record] })
  await lab.clock.advance(1)
  lab.care.received('b', { type: 'CHILD_START', id: 3, what: 'start', children: [record] })
  await lab.clock.advance(1)
  t.same(lab.started, ['x'])
  t.same(
    lab
      .of('CHILD_DONE')
      .map(({ message }) => message.id)
      .sort(),
    [1, 2, 3],
  )
  lab.told('b', [{ ...record, revision: record.revision + 1, status: 'removed' }])
  t.same(lab.stopped, ['x'], 'told late, it stops what began here')
  lab.care.received('b', { type: 'CHILD_START', id: 4, what: 'start', children: [record] })
  await lab.clock.advance(1)
  t.match(lab.of('CHILD_DONE').at(-1), { message: { id: 4, results: [{ code: 'ERR_STOPPED' }] } })
  t.same(lab.started, ['x'])
  await lab.close(t)
})

test('57: a home begins when every member has said what it has more; one that is silent is asked again', async (t) => {
  const lab = new Lab()
  lab.settled = false
  lab.care.viewed()
  lab.told('b', [child('x', { revision: lab.clock.wall() })])
  lab.settled = true
  lab.care.viewed()
  t.same(
    lab.of('CHILDREN').map(({ to, message }) => [to, message.digest.length]),
    [
      ['b', 128],
      ['c', 128],
    ],
  )
  const asks = lab.of('CHILDREN').map(({ message }) => message.ask)
  const answer = (from: string, ask: number) =>
    lab.care.received(from, { type: 'CHILDREN', children: [], digest: [], ask: 0, answer: ask, settings: '' })
  answer('b', asks[0] ?? 0)
  answer('c', 999)
  await lab.clock.advance(1_100)
  t.same(lab.of('CHILD_START'), [], 'c has not said')
  t.same(
    lab
      .of('CHILDREN')
      .slice(2)
      .map(({ to }) => to),
    ['c'],
  )
  answer('c', asks[1] ?? 0)
  await lab.clock.advance(1)
  t.match(lab.of('CHILD_START'), [{ to: 'b', message: { what: 'start', children: [{ name: 'x' }] } }])
  await lab.close(t)
})

test('an answer counts only from whom it was asked; a lost one is asked for again', async (t) => {
  const lab = new Lab()
  lab.care.viewed()
  lab.answerAll()
  lab.care.received('c', { type: 'CHILD_START', id: 7, what: 'want', children: [child('x')] })
  await lab.clock.advance(1)
  const [asked] = lab.of('CHILD_START')
  t.match(asked, { to: 'b', message: { what: 'start' } })
  const id = asked?.message.id ?? 0
  const done = (from: string, of: number) =>
    lab.care.received(from, { type: 'CHILD_DONE', id: of, results: [{ name: 'x', code: '', reason: '', node: from }] })
  done('c', id)
  done('b', id + 5)
  await lab.clock.advance(5_200)
  t.equal(lab.of('CHILD_START').length, 2, 'asked again')
  t.same(lab.of('CHILD_DONE'), [])
  done('b', id)
  await lab.clock.advance(1)
  t.same(lab.of('CHILD_DONE'), [], 'nobody else knows of it yet')
  lab.answerAll()
  await lab.clock.advance(1)
  t.match(lab.of('CHILD_DONE'), [{ to: 'c', message: { id: 7, results: [{ name: 'x', code: '', node: 'b' }] } }])
  await lab.close(t)
})

test('57: an old tombstone of what is not known is not taken, one of what is known is', async (t) => {
  const lab = new Lab()
  const now = lab.clock.wall()
  const old = now - defaultLimits.endedMs - 1
  lab.told('b', [child('x', { revision: old, status: 'removed' }), child('y', { revision: old - 1 })])
  lab.told('c', [child('y', { revision: old, status: 'removed' })])
  t.equal(lab.care.roster.get('x'), undefined)
  t.equal(lab.care.roster.get('y')?.status, 'removed')
  await lab.close(t)
})

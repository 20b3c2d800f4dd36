/**
 * What TypeScript knows of a kind. The build is the test: each `@ts-expect-error` below is an error that users must
 * get, and the build fails where it is none. `never` keeps the lines from running.
 */
import t from 'tap'
import {
  createNode,
  type Destination,
  fromOtp,
  genServer,
  type MobilityNode,
  type MoveResult,
  type StateOf,
} from '../../src/index.js'
import type { account, asleep, mute, stack, tally } from '../fixtures/typed-kinds.js'
import * as kinds from '../fixtures/typed-kinds.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <A, B>(_same: Same<A, B>): void => {}

/** Type-checked, never run. */
const never = (_check: (node: MobilityNode) => unknown): void => {}

never(async (node) => {
  const ref = await node.start(kinds.account, { name: 'x', args: ['ann', 100] })
  const far = node.ref<typeof account>('x')
  is<typeof ref, typeof far>(true)
  is<StateOf<typeof account>['cents'], number>(true)
  is<ReturnType<typeof ref.call.deposit>, Promise<number>>(true)
  is<Parameters<typeof ref.call.withdraw>, [cents: number, note?: string | undefined]>(true)
  is<ReturnType<typeof ref.call.withdraw>, Promise<{ left: number }>>(true)
  is<ReturnType<typeof ref.call.opened>, Promise<number>>(true)
  is<ReturnType<typeof ref.call.await>, Promise<number>>(true)
  is<ReturnType<typeof ref.call.close>, Promise<string>>(true)
  is<ReturnType<typeof ref.call.closeSilently>, Promise<undefined>>(true)
  is<ReturnType<typeof ref.call.settle>, Promise<number>>(true)
  is<ReturnType<typeof ref.call.settleLater>, Promise<boolean>>(true)
  is<ReturnType<typeof ref.call.leave>, Promise<MoveResult>>(true)
  is<ReturnType<typeof ref.call.either>, Promise<string | 1>>(true)
  is<ReturnType<typeof ref.cast.rename>, Promise<void>>(true)
  is<ReturnType<ReturnType<typeof ref.with>['call']['deposit']>, Promise<number>>(true)
  is<StateOf<typeof asleep>, { ms: number }>(true)
  is<ReturnType<typeof kinds.echo.kind.toString>, string>(true)
})

never(async (node) => {
  const ref = node.ref<typeof account>('x')
  // @ts-expect-error a text is no number
  await ref.call.deposit('5')
  // @ts-expect-error an argument is missing
  await ref.call.deposit()
  // @ts-expect-error there is one too many
  await ref.call.deposit(1, 2)
  // @ts-expect-error there is no such call
  await ref.call.deposits(1)
  // @ts-expect-error a cast is no call
  await ref.call.rename('bob')
  // @ts-expect-error a call is no cast
  await ref.cast.deposit(1)
  // @ts-expect-error the result is a number
  const text: string = await ref.call.deposit(1)
  // @ts-expect-error a proxy is no promise
  void ref.call.then
  // @ts-expect-error a kind without calls has no callable names
  await node.ref<typeof mute>('m').call.anything()
  // @ts-expect-error nor casts
  await node.ref<typeof asleep>('m').cast.anything()
  // @ts-expect-error a call has no such option
  ref.with({ timeout: 5 })
  // @ts-expect-error a reason is a text, { shutdown } or { error }
  await ref.stop(5)
  return text
})

never(async (node) => {
  // @ts-expect-error args are missing
  await node.start(kinds.account, { name: 'x' })
  // @ts-expect-error they are in the wrong order
  await node.start(kinds.account, { name: 'x', args: [100, 'ann'] })
  // @ts-expect-error one is missing
  await node.start(kinds.account, { name: 'x', args: ['ann'] })
  // @ts-expect-error the name is missing
  await node.start(kinds.mute, {})
  // @ts-expect-error it takes none
  await node.start(kinds.mute, { name: 'x', args: [1] })
  // @ts-expect-error there is no such option
  await node.start(kinds.mute, { name: 'x', restart: true })
  await node.start(kinds.mute, { name: 'x' })
  await node.start(kinds.mute, { name: 'x', args: [] })
  await node.start(kinds.tally, { name: 'x' })
  await node.start(kinds.tally, { name: 'x', args: ['first'] })
  is<Awaited<ReturnType<ReturnType<typeof node.ref<typeof tally>>['call']['best']>>, string | undefined>(true)
  // @ts-expect-error only a text
  await node.start(kinds.tally, { name: 'x', args: [1] })
})

never(() => {
  genServer('k', {
    init: () => ({ n: 1 }),
    calls: {
      // @ts-expect-error no such field in the state
      a: (self) => self.state.m,
      b: (self) => {
        // @ts-expect-error a field is a number
        self.state.n = 'x'
      },
      c: (self) => {
        // @ts-expect-error a state is whole
        self.state = {}
      },
      // @ts-expect-error nothing was attached
      d: (self) => self.local.port,
      // @ts-expect-error the token is for a number
      e: (self) => self.reply(self.defer<number>(), 'x'),
      // @ts-expect-error self has no such thing
      f: (self) => self.spawn('x'),
    },
  })
  // @ts-expect-error init is missing
  genServer('k', {})
  // @ts-expect-error there is no such callback
  genServer('k', { init: () => 0, onStop: () => {} })
  // @ts-expect-error a handler is a function
  genServer('k', { init: () => 0, calls: { a: 5 } })
  // @ts-expect-error true, or the reason why not
  genServer('k', { init: () => 0, mayMove: () => false })
  // @ts-expect-error it gives a state back
  genServer('k', { init: () => ({ n: 1 }), alterHandover: () => ({ m: 1 }) })
})

never(async (node) => {
  const ref = await node.start(kinds.stack, { name: 's', args: [[1, 2]] })
  is<Parameters<typeof ref.call.request>, [request: 'pop' | { push: number }]>(true)
  is<ReturnType<typeof ref.call.request>, Promise<number | undefined>>(true)
  is<StateOf<typeof stack>, { items: number[] }>(true)
  // @ts-expect-error no such request
  await ref.call.request('peek')
  // @ts-expect-error a cast has requests of its own
  await ref.cast.request('pop')
  fromOtp('k', {
    init: (n: number) => ({ n }),
    // @ts-expect-error no such term
    handleCall: (_request: string, _from, state) => ['replay', 1, state],
  })
  fromOtp('k', {
    init: (n: number) => ({ n }),
    // @ts-expect-error the state is missing
    handleCall: (_request: string) => ['reply', 1],
  })
  fromOtp('k', {
    init: (n: number) => ({ n }),
    // @ts-expect-error the state is another
    handleCast: (_request: string) => ['noreply', { m: 1 }],
  })
  // @ts-expect-error a cast has nobody to reply to
  fromOtp('k', { init: () => 0, handleCast: (_request: string, state) => ['reply', 1, state] })
  // @ts-expect-error it is not there for OTP: return a term
  fromOtp('k', { init: () => 0, handleInfo: (_message, state, self) => [self.stop('x'), state] })
})

never(async () => {
  // @ts-expect-error a name is missing
  await createNode({ port: 0 })
  // @ts-expect-error there is no such option
  await createNode({ name: 'a', ports: 0 })
  // @ts-expect-error a kind comes from genServer
  await createNode({ name: 'a', kinds: [{ init: () => 0 }] })
  // @ts-expect-error there is no such limit
  await createNode({ name: 'a', limits: { mailbox: 5 } })
  const node = await createNode({ name: 'a', kinds: [kinds.account, kinds.stack, kinds.mute] })
  const to: Destination[] = ['b', ['tcp', 'localhost', 1806], 'tcp://localhost:1806']
  // @ts-expect-error a port is a number
  await node.ref('x').sendMe(['tcp', 'localhost', '1806'])
  node.on('move', (event) => is<typeof event.phase extends string ? true : false, true>(true))
  // @ts-expect-error there is no such event
  node.on('moved', () => {})
  return to
})

t.test('the types of kinds, refs, starts, options and events: checked by the build', (t) => {
  t.equal(kinds.account.kind, 'account')
  t.end()
})

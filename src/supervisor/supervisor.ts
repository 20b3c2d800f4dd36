/**
 * OTP's supervisor: a kind whose process starts other processes on its node, in order, starts them again when they end,
 * and stops them in reverse order. A child may be a supervisor itself.
 *
 *   const children = [{ id: 'db', kind: db }, { id: 'web', kind: web }]
 *   const tree = supervisor('tree', { strategy: 'rest_for_one', children })
 *   await node.start(tree, { name: 'app' })             // app/db, then app/web
 *   await node.ref(tree, 'app').call.whichChildren()
 *
 * What is decided is in `machine-supervisor.ts`; `family.ts` does it.
 */
import { fail, reasonOf, shown } from '../base/errors.js'
import type { Deferred } from '../process/directives.js'
import { genServer } from '../process/gen-server.js'
import type { AnyKind, Kind, Self } from '../process/kind.js'
import type { Family } from './family.js'
import { Seat } from './seat.js'
import {
  type ChildCounts,
  checkPlan,
  type Plan,
  type StartedChild,
  type SupervisedChild,
  type SupervisedSpec,
  type SupervisorOptions,
} from './spec.js'

/** What the process of a supervisor keeps: what it was started with. */
export interface SupervisorState {
  readonly args: readonly unknown[]
}

/** Its calls, by OTP's names. A function of this type is what `ref.call` has. */
export interface SupervisorCalls {
  readonly whichChildren: (self: Self<SupervisorState, unknown>) => SupervisedChild[]
  readonly countChildren: (self: Self<SupervisorState, unknown>) => ChildCounts
  /** @throws ERR_CHILD ERR_START_FAILED ERR_KIND_UNKNOWN ERR_BAD_ARGUMENT ERR_SHUTDOWN_CHAIN */
  readonly startChild: (self: Self<SupervisorState, unknown>, spec: SupervisedSpec) => Deferred<StartedChild>
  /** @throws ERR_CHILD */
  readonly terminateChild: (self: Self<SupervisorState, unknown>, id: string) => Deferred<undefined>
  /** @throws ERR_CHILD ERR_START_FAILED */
  readonly restartChild: (self: Self<SupervisorState, unknown>, id: string) => Deferred<StartedChild>
  /** @throws ERR_CHILD */
  readonly deleteChild: (self: Self<SupervisorState, unknown>, id: string) => Deferred<undefined>
  /** The chain of shutdown times below it: one line for each process. */
  readonly shutdownChain: (self: Self<SupervisorState, unknown>) => string
}

/** What `supervisor` gives. */
export type SupervisorKind<A extends unknown[] = []> = Kind<
  SupervisorState,
  A,
  SupervisorCalls,
  Record<never, never>,
  unknown
>

/** What each supervisor kind makes of the arguments of its start. */
const plans = new WeakMap<AnyKind, (args: readonly unknown[]) => Plan>()

/** The tree that a kind makes; undefined when it is no supervisor. @throws ERR_BAD_ARGUMENT ERR_NAME_INVALID */
export const planOf = (kind: AnyKind, args: readonly unknown[]): Plan | undefined => plans.get(kind)?.(args)

const seatOf = (self: Self<SupervisorState, unknown>): Seat => self.local as Seat
const familyOf = (self: Self<SupervisorState, unknown>): Family => seatOf(self).family

const FOREVER_MS = Number.POSITIVE_INFINITY

/**
 * Describes a supervisor. Its process does not move: its children may.
 *
 * @param kind  its name on the wire, 1 to 255 bytes
 * @param options  or a function of the arguments of its start that makes them
 * @throws ERR_KIND_INVALID  what is wrong with which child
 */
export const supervisor = <A extends unknown[] = []>(
  kind: string,
  options: SupervisorOptions | ((...args: A) => SupervisorOptions) = {},
): SupervisorKind<A> => {
  const invalid = (why: string) => fail('ERR_KIND_INVALID', { kind: shown(kind), why })
  const fixed = typeof options === 'function' ? undefined : checkPlan(options, invalid)
  const made = genServer<SupervisorState, A, unknown, SupervisorCalls>(kind, {
    init: (...args: A) => ({ args }),
    attach: () => new Seat(),
    calls: {
      whichChildren: (self) => familyOf(self).which(),
      countChildren: (self) => familyOf(self).count(),
      startChild: (self, spec) => familyOf(self).startChild(self.defer(), spec),
      terminateChild: (self, id) => familyOf(self).ask(self.defer(), 'terminate', id),
      restartChild: (self, id) => familyOf(self).ask(self.defer(), 'restart', id),
      deleteChild: (self, id) => familyOf(self).ask(self.defer(), 'delete', id),
      shutdownChain: (self) => familyOf(self).chain(),
    },
    mayMove: () => 'a supervisor stays where it is: only its children move',
    terminate: (self) => seatOf(self).end(),
    detach: (self) => seatOf(self).leave(),
  })
  const shutdownMs = fixed?.shutdownMs ?? FOREVER_MS
  const whole = Object.freeze({ ...made, spec: { ...made.spec, shutdownMs } }) as SupervisorKind<A>
  plans.set(whole, (args) => fixed ?? planFrom(kind, () => (options as (...args: A) => unknown)(...(args as A))))
  return whole
}

const planFrom = (kind: string, make: () => unknown): Plan => {
  const wrong = (why: string) => fail('ERR_BAD_ARGUMENT', { what: `Supervisor ${kind}`, why })
  let options: unknown
  try {
    options = make()
  } catch (error) {
    throw wrong(`its function threw: ${reasonOf(error)}`)
  }
  const plan = checkPlan(options, wrong)
  if (plan.shutdownMs !== undefined) throw wrong('shutdownMs can stand only in options that are no function')
  return plan
}

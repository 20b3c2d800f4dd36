/** The words of `machine-supervisor.ts`: what a supervisor knows, hears and does. */

export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one'
/** When it is started again, as in OTP: always; after a crash, or the death of its node; never. */
export type Restart = 'permanent' | 'transient' | 'temporary'
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant'

export interface Flags {
  readonly strategy: Strategy
  /** More restarts than so many within `periodMs` end the supervisor. */
  readonly intensity: number
  readonly periodMs: number
  readonly autoShutdown: AutoShutdown
}

export interface Row {
  readonly id: string
  readonly restart: Restart
  readonly significant: boolean
}

export type Run = 'idle' | 'starting' | 'running' | 'stopping' | 'cutting' | 'restarting'

export interface ChildState extends Row {
  readonly run: Run
  /** Which of its lives: what is said of an earlier one is nothing. */
  readonly life: number
  /** It was added, and has not started yet: no restart of several touches it. */
  readonly joining: boolean
  /** Somebody has terminated it: the job that is under way does not start it again. */
  readonly unwanted: boolean
  /** Who waits for its start. */
  readonly ask: number | undefined
  /** Who waits for its end. */
  readonly asks: readonly number[]
}

interface Job {
  readonly stops: readonly string[]
  readonly starts: readonly string[]
}

export interface End {
  readonly id: string
  readonly life: number
  /** undefined: a start that failed is to be tried again. */
  readonly reason: string | undefined
}

export interface Tree {
  readonly phase: 'new' | 'booting' | 'running' | 'restarting' | 'ending' | 'over'
  /** In the order of their starts. */
  readonly children: readonly ChildState[]
  /** When children were restarted, in ms; those within the period. */
  readonly restarts: readonly number[]
  readonly job: Job | undefined
  /** What happened during a job. */
  readonly ends: readonly End[]
  readonly lives: number
  readonly reason: string
}

export const newTree: Tree = {
  phase: 'new',
  children: [],
  restarts: [],
  job: undefined,
  ends: [],
  lives: 0,
  reason: '',
}

export type TreeEvent =
  | { readonly type: 'boot'; readonly rows: readonly Row[] }
  | { readonly type: 'started'; readonly id: string; readonly life: number }
  /** `ignored`: its init said so, which is no failure. */
  | {
      readonly type: 'failed'
      readonly id: string
      readonly life: number
      readonly ignored: boolean
      readonly reason: string
    }
  | { readonly type: 'ended'; readonly id: string; readonly life: number; readonly reason: string }
  | { readonly type: 'again'; readonly id: string; readonly life: number }
  /** Somebody asks: startChild, terminateChild, restartChild, deleteChild. */
  | { readonly type: 'start'; readonly row: Row; readonly ask: number }
  | { readonly type: 'terminate' | 'restart' | 'delete'; readonly id: string; readonly ask: number }
  | { readonly type: 'stop' }

/** OTP's words, and `ending` for a supervisor that is about to end. */
export type Refusal = 'already_started' | 'already_present' | 'not_found' | 'running' | 'restarting' | 'ending'

export type TreeEffect =
  /** `again`: it is a restart, which nobody waits for. */
  | { readonly type: 'start'; readonly id: string; readonly life: number; readonly again: boolean }
  /** Within its shutdown time. */
  | { readonly type: 'stop'; readonly id: string; readonly life: number }
  /** It starts, and is not wanted any more. */
  | { readonly type: 'cut'; readonly id: string; readonly life: number }
  /** Come back with `again`, in a turn of its own. */
  | { readonly type: 'again'; readonly id: string; readonly life: number }
  | { readonly type: 'done'; readonly ask: number; readonly running: boolean }
  | { readonly type: 'refused'; readonly ask: number; readonly why: Refusal }
  | { readonly type: 'startFailed'; readonly ask: number; readonly id: string; readonly reason: string }
  /** Its description goes. */
  | { readonly type: 'forget'; readonly id: string }
  | {
      readonly type: 'report'
      readonly what: 'restart' | 'start_failed' | 'too_many_restarts' | 'auto_shutdown'
      readonly id: string
      readonly reason: string
    }
  /** All are up. */
  | { readonly type: 'up' }
  /** All are down. */
  | { readonly type: 'over'; readonly reason: string }

export interface TreeWorld {
  readonly now: number
  readonly flags: Flags
}

export interface TreeStep {
  readonly state: Tree
  readonly effects: readonly TreeEffect[]
}

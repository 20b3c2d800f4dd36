/** proc-mobility: living objects for Node.js. The whole public API. */
export { ERRORS, type ErrorCode, type Executed, isMobilityError, MobilityError } from './base/errors.js'
export type { EventMap, EventOf, EventType, MovePhase, NodeEvent } from './base/events.js'
export { defaultLimits, type Limits } from './base/limits.js'
export type { Logger } from './base/ports.js'
export type { ChildFilter, ChildInfo } from './cluster/child-info.js'
export type { ChildSpec, Restart } from './cluster/child-spec.js'
export type { DrainOptions, DrainResult } from './cluster/drain.js'
export { type Guide, guided } from './cluster/guided.js'
export type { ChildOutcome, Hub, HubStartOptions } from './cluster/hub.js'
export type { HubOptions } from './cluster/hub-options.js'
export { type LeastLoadedOptions, leastLoaded } from './cluster/least-loaded.js'
export type { Load } from './cluster/load.js'
export {
  type ColdSwapOptions,
  coldSwap,
  type HotSwapOptions,
  hotSwap,
  type MigrationStrategy,
} from './cluster/migration-strategy.js'
export { type Placeable, type Placement, rendezvous } from './cluster/placement.js'
export type { PartitionPolicy } from './cluster/quorum.js'
export type { PlannedMove } from './cluster/rebalance.js'
export type { Rebalanced } from './cluster/rebalancer.js'
export { type GossipOptions, gossip, type PubsubOptions, pubsub, type Sync } from './cluster/sync-strategy.js'
export type { Parked } from './migration/parked.js'
export { createNode, MobilityNode, type NodeStats, type StartOptions, type Whereabouts } from './node/node.js'
export type { NodeOptions } from './node/options.js'
export { type Destination, type TcpDestination, tcp } from './process/destination.js'
export {
  type Answer,
  ContinueDirective,
  type Deferred,
  type ExitReason,
  InitIgnore,
  InitStop,
  ignore,
  MoveDirective,
  type MoveOptions,
  type MoveResult,
  Rejection,
  reject,
  StopDirective,
  stop,
} from './process/directives.js'
export { genServer } from './process/gen-server.js'
export type {
  AnyKind,
  ArgsOf,
  CallOptions,
  CallsOf,
  CastsOf,
  Down,
  Handlers,
  InitResult,
  Kind,
  KindSpec,
  Monitor,
  MonitorId,
  Ref,
  Self,
  StateOf,
  TimerId,
} from './process/kind.js'
export {
  type From,
  fromOtp,
  type OtpInit,
  type OtpKind,
  type OtpNoReply,
  type OtpReply,
  type OtpSelf,
  type OtpSpec,
} from './process/otp.js'
export type { PersistSpec, SaveMoment, Unusable, UnusablePolicy } from './process/persist.js'
export type { RoleChange } from './process/role.js'
export type { StandardSchema } from './process/schema.js'
export { type EtcdDirectory, type EtcdOptions, etcd } from './registry/etcd.js'
export { type EmbeddedStoreOptions, embeddedStore } from './store/embedded-store.js'
export { type FileStoreOptions, fileStore } from './store/file-store.js'
export { type LmdbStoreOptions, lmdbStore } from './store/lmdb-store.js'
export { memoryStore } from './store/memory-store.js'
export { mysqlStore } from './store/mysql-store.js'
export { postgresStore } from './store/postgres-store.js'
export { redisStore } from './store/redis-store.js'
export type { ServerStoreOptions, SqlStoreOptions } from './store/server.js'
export type { Saved, Stamp, Store } from './store/store.js'
export type {
  ChildCounts,
  Shutdown,
  StartedChild,
  SupervisedChild,
  SupervisedSpec,
  SupervisorOptions,
} from './supervisor/spec.js'
export { type SupervisorCalls, type SupervisorKind, type SupervisorState, supervisor } from './supervisor/supervisor.js'
export type { AutoShutdown, Strategy } from './supervisor/tree.js'

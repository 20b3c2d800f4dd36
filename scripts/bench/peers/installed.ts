/**
 * Packages that stand beside us and are no dependency of ours: `make bench-peers` installs them into this folder's own
 * node_modules. They bring no types that we would want, so each file here says what it uses of them.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

/** Sources, not dist/: the lock file and what was installed by it are here. */
const FOLDER = 'scripts/bench/peers'

export const isInstalled = (name: string): boolean => existsSync(resolve(FOLDER, 'node_modules', name))

export const load = (name: string): unknown => createRequire(resolve(FOLDER, 'package.json'))(name)

/** What is measured of each: the answer to a call, from another program. */
export interface Peer {
  readonly name: string
  plusOne(value: number): Promise<unknown>
  close(): Promise<void>
}

/**
 * A Map that is made when something is put into it. An empty Map takes 200 bytes; of the tables of a process most stay
 * empty, and there may be a million processes.
 */
const NOTHING = new Map<never, never>()

export class LazyMap<K, V> {
  #map: Map<K, V> | undefined

  get size(): number {
    return this.#map?.size ?? 0
  }

  get(key: K): V | undefined {
    return this.#map?.get(key)
  }

  has(key: K): boolean {
    return this.#map?.has(key) ?? false
  }

  set(key: K, value: V): void {
    this.#map ??= new Map()
    this.#map.set(key, value)
  }

  delete(key: K): boolean {
    return this.#map?.delete(key) ?? false
  }

  clear(): void {
    this.#map = undefined
  }

  keys(): IterableIterator<K> {
    return (this.#map ?? NOTHING).keys()
  }

  values(): IterableIterator<V> {
    return (this.#map ?? NOTHING).values()
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return (this.#map ?? NOTHING)[Symbol.iterator]()
  }
}

/** DNS by Node's own resolver, which asks the servers of the system and keeps nothing: each answer is fresh. */
import { Resolver as DnsResolver } from 'node:dns/promises'
import type { Address } from '../base/ids.js'
import type { Resolver } from './discovery.js'

/** For all tries of one question. */
const TIMEOUT_MS = 2_000
const TRIES = 2

/** No such name, or none of that kind: an answer, not a failure. */
const orNone = async <T>(question: Promise<T[]>): Promise<T[]> => {
  try {
    return await question
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOTFOUND' || code === 'ENODATA') return []
    throw error
  }
}

/** @param servers  `'127.0.0.1:5353'`; default: those of the system */
export const dnsResolver = (servers?: readonly string[]): Resolver => {
  const dns = new DnsResolver({ timeout: TIMEOUT_MS, tries: TRIES })
  if (servers !== undefined) dns.setServers([...servers])
  const addresses = async (host: string): Promise<string[]> => {
    const [four, six] = await Promise.all([orNone(dns.resolve4(host)), orNone(dns.resolve6(host))])
    return [...four, ...six]
  }
  return {
    addresses,
    async services(name): Promise<Address[]> {
      const records = await orNone(dns.resolveSrv(name))
      return records.map((record) => ({ host: record.name, port: record.port }))
    },
  }
}

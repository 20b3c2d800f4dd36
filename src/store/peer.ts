/** The clients of stores are packages that only those install who use them; each is loaded when it is first needed. */
import { fail, reasonOf } from '../base/errors.js'

/** @throws ERR_STORE_MISSING  it is not installed, or it does not load on this machine */
export const loadPeer = async <T>(where: string, name: string, load: () => Promise<T>): Promise<T> => {
  try {
    return await load()
  } catch (cause) {
    throw fail('ERR_STORE_MISSING', { where, package: name, reason: reasonOf(cause) }, { cause })
  }
}

/** Which epochs a peer may name. */

/** No honest clock is so far off. */
const EPOCH_LEAP_MS = 24 * 60 * 60 * 1_000
/** Changes of owner that a node may have missed, where clocks were set back and epochs are ahead of them all. */
const EPOCH_STEPS = 10_000

/**
 * May a name be in this epoch? From what is known there is no leap of a day: a liar would make one after the other, and
 * when the numbers are used up no name can be started any more, anywhere.
 * @param known  the highest that is known of it
 */
export const isPlausible = (epoch: number, known: number, wall: number): boolean =>
  epoch <= Math.max(known + EPOCH_STEPS, wall + EPOCH_LEAP_MS)

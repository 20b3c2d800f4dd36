/** The two values of our own that travel inside states and messages, each as an extension type of its own. */

/** Whom a deferred reply answers: the call `seq` that `origin` sent to the process `name`. Moves with the state. */
export class ReplyTo {
  constructor(
    readonly origin: string,
    readonly lane: number,
    readonly seq: number,
    readonly name: string,
  ) {}
}

/** A process by its name, wherever it runs. */
export class ProcessRef {
  constructor(
    readonly kind: string,
    readonly name: string,
  ) {}
}

/** An actor by hand, in one program: a list of messages that is worked off in the next turn. */
export class LocalActor {
  #mailbox: { value: number; resolve: (value: number) => void }[] = []

  call(value: number): Promise<number> {
    return new Promise((resolve) => {
      if (this.#mailbox.length === 0) setImmediate(() => this.#work())
      this.#mailbox.push({ value, resolve })
    })
  }

  #work(): void {
    const mailbox = this.#mailbox
    this.#mailbox = []
    for (const { value, resolve } of mailbox) resolve(value + 1)
  }
}

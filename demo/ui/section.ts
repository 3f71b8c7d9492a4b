import type { DemoConversation, DemoParticipant } from '../profile.ts'

/** What the page of a person shows, read anew after every event. */
export interface View {
  readonly conversation: DemoConversation
  readonly participants: readonly DemoParticipant[]
  /** Undefined while this person is no participant. */
  readonly me: DemoParticipant | undefined
  readonly isConnected: boolean
}

/** A part of the page; it keeps its elements and brings them up to date. */
export interface Section {
  readonly element: HTMLElement
  update(view: View): void
}

/** Awaits a write, and shows why it was refused. */
export type Run = (write: Promise<unknown>) => void

import * as prng from 'lib0/prng'
import type { JSONValue } from '../../src/base/json.ts'
import { PAGE_SIZE } from '../../src/schema/messages/ids.ts'
import { attributesOf, identityOf, timeOf } from '../people.ts'

export const PARTICIPANTS = 1000
export const AUTHORS = 20
/** Whose unread messages are counted: a person who writes as well. */
export const READER = 0
/** Who writes what is sent while it is measured. */
export const SENDER = 1
/** So many messages the reader has not read yet, their own among them. */
export const BEHIND = 50
/** So many messages are on a screen. */
export const SHOWN = 30

/** A participant as an app shows one. */
export interface Listed {
  identity: string
  attributes: JSONValue
  lastRead: number | null
}

export interface Message {
  author: string
  time: number
  body: string
}

export interface ChatOptions {
  readonly participants?: number
  /** So many of them write. */
  readonly authors?: number
}

/** A conversation that everybody keeps in their own way: the same in every run. */
export class Chat {
  /** In their one order. */
  readonly messages: readonly (Message & { readonly person: number })[]
  readonly participants: number
  /** Of everybody's messages. */
  readonly #places = new Map<number, number[]>()
  readonly #random: prng.PRNG

  constructor(
    length: number,
    { participants = PARTICIPANTS, authors = AUTHORS }: ChatOptions = {},
  ) {
    this.participants = participants
    this.#random = prng.create(length)
    this.messages = Array.from({ length }, (_, n) => {
      const person = prng.int32(this.#random, 0, authors - 1)
      const places = this.#places.get(person) ?? []
      places.push(n)
      this.#places.set(person, places)
      return { person, author: identityOf(person), time: timeAt(n), body: this.#body() }
    })
  }

  /** What the sender writes next, as often as it is asked for. */
  write(n: number): Message[] {
    const time = timeAt(this.messages.length)
    return Array.from({ length: n }, () => ({
      author: identityOf(SENDER),
      time,
      body: this.#body(),
    }))
  }

  /** Null = nothing: of the sender in a short conversation, who has a page to read. */
  lastRead(person: number): number | null {
    const last = this.messages.length - 1
    const behind =
      person === READER ? BEHIND : person === SENDER ? PAGE_SIZE : (person * 7) % BEHIND
    return last - behind < 0 ? null : last - behind
  }

  /** How many messages up to an index are not this person's. */
  others(person: number, index: number): number {
    const own = this.#places.get(person) ?? []
    return index + 1 - own.filter(place => place <= index).length
  }

  listed(): Listed[] {
    return Array.from({ length: this.participants }, (_, person) => ({
      identity: identityOf(person),
      attributes: attributesOf(person),
      lastRead: this.lastRead(person),
    }))
  }

  unread(): number {
    const behind = this.messages.slice((this.lastRead(READER) ?? -1) + 1)
    return behind.filter(({ person }) => person !== READER).length
  }

  newest(): Message[] {
    return this.messages.slice(-SHOWN).map(({ author, time, body }) => ({ author, time, body }))
  }

  /** 4 to 24 words. */
  #body(): string {
    const length = prng.int32(this.#random, 4, 24)
    return Array.from({ length }, () => prng.oneOf(this.#random, WORDS)).join(' ')
  }
}

/** After all have joined, and read something. */
function timeAt(message: number): number {
  return timeOf(2 * PARTICIPANTS + message)
}

const WORDS =
  'about again all also and any are back because been but call came can come could day did does done even every find first for from get give good had has have her here him his how into its just know last left like look made make many may meet more most much must need never new next not now off old once one only other our out over part people place read right said same see send she should show some still such take tell than that the their them then there these they thing this those time today too two under until very want was way week well went were what when where which who will with work would write year yes you your'.split(
    ' ',
  )

import * as A from '@automerge/automerge'
import { attributesOf, clientIdOf, identityOf } from '../people.ts'
import { type Listed, type Message, READER, SENDER, SHOWN } from './chat.ts'
import { documentOf, type Library, lengthOf, ONE } from './library.ts'

/** Texts that nobody edits together are `ImmutableString`s, of JSON where they stand for more than one value. */
interface Conversation {
  participants: Record<string, A.ImmutableString>
  horizons: Record<string, number>
  messages: A.ImmutableString[]
}

/** So many changes are taken over together when a conversation is built. */
const BATCH = 1000

/** Automerge with one value per participant, horizon and message. */
export const automerge: Library = {
  build(chat) {
    const history = new History()
    for (let person = 0; person < chat.participants; person++) {
      const identity = identityOf(person)
      const attributes = JSON.stringify(attributesOf(person))
      const lastRead = chat.lastRead(person)
      const set = { action: 'set' as const, key: identity, pred: [] }
      history.change(person, [
        { ...set, obj: history.participants, value: attributes },
        ...(lastRead === null
          ? []
          : [{ ...set, obj: history.horizons, value: lastRead, datatype: 'int' as const }]),
      ])
    }
    let last = '_head'
    for (const { person, ...message } of chat.messages) {
      const value = textOf(message)
      last = history.change(person, [
        { action: 'set', obj: history.messages, elemId: last, insert: true, value, pred: [] },
      ])
    }
    return new Map([[ONE, history.save()]])
  },

  open(stored) {
    const doc = A.load<Conversation>(documentOf(stored, ONE))
    return {
      listed() {
        const listed: Listed[] = []
        for (const [identity, { val }] of Object.entries(doc.participants)) {
          const attributes = JSON.parse(val)
          listed.push({ identity, attributes, lastRead: doc.horizons[identity] ?? null })
        }
        return listed
      },
      unread() {
        const me = identityOf(READER)
        const from = (doc.horizons[me] ?? -1) + 1
        return doc.messages.slice(from).filter(text => toMessage(text).author !== me).length
      },
      newest: () => doc.messages.slice(-SHOWN).map(toMessage),
      close: () => A.free(doc),
    }
  },

  pair(stored) {
    let sender = A.load<Conversation>(documentOf(stored, ONE), { actor: actorOf(SENDER) })
    let other = A.load<Conversation>(documentOf(stored, ONE))
    const write = (change: (conversation: Conversation) => void): A.Change => {
      sender = A.change(sender, change)
      return A.getLastLocalChange(sender) as A.Change
    }
    const deliver = (changes: A.Change[]) => {
      other = A.applyChanges(other, changes)[0]
      const length = lengthOf(changes)
      return { up: length, down: length }
    }
    return {
      send: messages =>
        deliver(
          messages.map(message =>
            write(({ messages }) => {
              messages.push(new A.ImmutableString(textOf(message)))
            }),
          ),
        ),
      advance: index =>
        deliver([
          write(({ horizons }) => {
            horizons[identityOf(SENDER)] = index
          }),
        ]),
      seen: () => ({
        lastBody: other.messages.slice(-1).map(toMessage)[0]?.body,
        lastRead: other.horizons[identityOf(SENDER)] ?? null,
      }),
      close() {
        A.free(sender)
        A.free(other)
      },
    }
  },
}

/** Lists name the element that comes before, which the types of Automerge leave out. */
type Op = A.DecodedChange['ops'][number] | (Omit<A.DecodedChange['ops'][number], 'key'> & ListPlace)

interface ListPlace {
  elemId: string
  insert: true
}

/** What many devices have written one after the other: a device of its own for each would take too long. */
class History {
  readonly #sequences = new Map<number, number>()
  #doc = A.init<Conversation>()
  #pending: A.Change[] = []
  #heads: string[] = []
  #nextOp = 1
  readonly participants: string
  readonly horizons: string
  readonly messages: string

  constructor() {
    this.participants = this.change(0, [
      { action: 'makeMap', obj: '_root', key: 'participants', pred: [] },
    ])
    this.horizons = this.change(0, [{ action: 'makeMap', obj: '_root', key: 'horizons', pred: [] }])
    this.messages = this.change(0, [
      { action: 'makeList', obj: '_root', key: 'messages', pred: [] },
    ])
  }

  /** Returns the id of the last operation. */
  change(person: number, ops: Op[]): string {
    const actor = actorOf(person)
    const seq = (this.#sequences.get(person) ?? 0) + 1
    this.#sequences.set(person, seq)
    const change = A.encodeChange({
      actor,
      author: null,
      seq,
      startOp: this.#nextOp,
      time: 0,
      message: null,
      deps: this.#heads,
      ops: ops as A.DecodedChange['ops'],
    })
    this.#heads = [A.decodeChange(change).hash]
    this.#nextOp += ops.length
    this.#pending.push(change)
    if (this.#pending.length >= BATCH) this.#deliver()
    return `${this.#nextOp - 1}@${actor}`
  }

  save(): Uint8Array {
    this.#deliver()
    const bytes = A.save(this.#doc)
    A.free(this.#doc)
    return bytes
  }

  #deliver(): void {
    this.#doc = A.applyChanges(this.#doc, this.#pending)[0]
    this.#pending = []
  }
}

function actorOf(person: number): string {
  return clientIdOf(person).toString(16).padStart(8, '0').repeat(4)
}

function textOf({ author, time, body }: Message): string {
  return JSON.stringify([author, time, body])
}

function toMessage({ val }: A.ImmutableString): Message {
  const [author, time, body] = JSON.parse(val)
  return { author, time, body }
}

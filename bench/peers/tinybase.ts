import {
  createMergeableStore,
  type MergeableChanges,
  type MergeableContent,
  type MergeableStore,
} from 'tinybase/mergeable-store'
import { attributesOf, clientIdOf, identityOf } from '../people.ts'
import { type Listed, type Message, READER, SENDER, SHOWN } from './chat.ts'
import { documentOf, type Library, ONE, type Stored } from './library.ts'

type Tuple = [author: string, time: number, body: string]

/** So many changes are taken over in one transaction when a conversation is built. */
const BATCH = 1000

/** TinyBase's MergeableStore with one cell per participant, horizon and message, kept as JSON of its mergeable content. */
export const tinybase: Library = {
  build(chat) {
    const hub = createMergeableStore('hub')
    const devices = new Map<number, Device>()
    const deviceOf = (person: number) => {
      const device = devices.get(person) ?? new Device(`${clientIdOf(person)}`)
      devices.set(person, device)
      return device
    }
    const changes: MergeableChanges[] = []
    const deliver = () => {
      hub.transaction(() => {
        for (const change of changes.splice(0)) hub.applyMergeableChanges(change)
      })
    }
    for (let person = 0; person < chat.participants; person++) {
      const lastRead = chat.lastRead(person)
      const change = deviceOf(person).write(store => {
        const attributes = attributesOf(person)
        const row = lastRead === null ? { attributes } : { attributes, lastRead }
        store.setRow('participants', identityOf(person), row)
      })
      changes.push(change)
    }
    chat.messages.forEach(({ person, ...message }, n) => {
      changes.push(deviceOf(person).write(store => add(store, message, n)))
      if (changes.length >= BATCH) deliver()
    })
    deliver()
    return new Map([[ONE, encode(hub.getMergeableContent())]])
  },

  open(stored) {
    const store = load(stored, 'reader')
    return {
      listed() {
        const listed: Listed[] = []
        store.forEachRow('participants', identity => {
          const { attributes, lastRead } = store.getRow('participants', identity)
          listed.push({ identity, attributes, lastRead: lastRead ?? null } as Listed)
        })
        return listed
      },
      unread() {
        const me = identityOf(READER)
        const lastRead = store.getCell('participants', me, 'lastRead') as number | undefined
        return tuplesFrom(store, (lastRead ?? -1) + 1).filter(([author]) => author !== me).length
      },
      newest: () => tuplesFrom(store, store.getRowCount('messages') - SHOWN).map(toMessage),
    }
  },

  pair(stored) {
    const sender = new Device(`${clientIdOf(SENDER)}`, stored)
    const other = load(stored, 'other')
    const deliver = (texts: readonly Uint8Array[]) => {
      let length = 0
      other.transaction(() => {
        for (const text of texts) {
          length += text.length
          other.applyMergeableChanges(decode<MergeableChanges>(text))
        }
      })
      return { up: length, down: length }
    }
    return {
      send: messages =>
        deliver(
          messages.map(message =>
            encode(sender.write(store => add(store, message, store.getRowCount('messages')))),
          ),
        ),
      advance: index =>
        deliver([
          encode(
            sender.write(store =>
              store.setCell('participants', identityOf(SENDER), 'lastRead', index),
            ),
          ),
        ]),
      seen() {
        const lastRead = other.getCell('participants', identityOf(SENDER), 'lastRead')
        const [last] = tuplesFrom(other, other.getRowCount('messages') - 1)
        return { lastBody: last?.[2], lastRead: (lastRead as number | undefined) ?? null }
      },
    }
  },
}

/** A store whose transactions can be sent. */
class Device {
  readonly #store: MergeableStore
  #changes: MergeableChanges | undefined

  constructor(id: string, stored?: Stored) {
    this.#store = stored ? load(stored, id) : createMergeableStore(id)
    this.#store.addDidFinishTransactionListener(() => {
      this.#changes = this.#store.getTransactionMergeableChanges()
    })
  }

  write(write: (store: MergeableStore) => void): MergeableChanges {
    write(this.#store)
    return this.#changes as MergeableChanges
  }
}

/** Under an id by which messages can be sorted, as rows have no order that all agree on. */
function add(store: MergeableStore, { author, time, body }: Message, n: number): void {
  const id = `${time.toString(36)}-${n.toString(36).padStart(4, '0')}`
  store.setCell('messages', id, 'tuple', [author, time, body])
}

function tuplesFrom(store: MergeableStore, from: number): Tuple[] {
  return store
    .getSortedRowIds('messages', undefined, false, from)
    .map(id => store.getCell('messages', id, 'tuple') as Tuple)
}

function load(stored: Stored, id: string): MergeableStore {
  const content = decode<MergeableContent>(documentOf(stored, ONE))
  return createMergeableStore(id).setMergeableContent(content)
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function decode<Value>(text: Uint8Array): Value {
  return JSON.parse(new TextDecoder().decode(text))
}

function toMessage([author, time, body]: Tuple): Message {
  return { author, time, body }
}

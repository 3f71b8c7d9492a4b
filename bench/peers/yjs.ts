import * as Y from 'yjs'
import { applyAll, replica } from '../layout.ts'
import { attributesOf, clientIdOf, identityOf, timeOf } from '../people.ts'
import { type Listed, type Message, READER, SENDER, SHOWN } from './chat.ts'
import { documentOf, type Library, lengthOf, ONE } from './library.ts'

type Tuple = [author: string, time: number, body: string]

/**
 * Raw Yjs at its best: root maps with one value per key, and an array of tuples. Everybody writes under a client id of
 * their own.
 */
export const yjs: Library = {
  build(chat) {
    const doc = new Y.Doc()
    const { participants, horizons, messages } = rootsOf(doc)
    for (let person = 0; person < chat.participants; person++) {
      doc.clientID = clientIdOf(person)
      participants.set(identityOf(person), JSON.stringify(attributesOf(person)))
      const lastRead = chat.lastRead(person)
      if (lastRead !== null) horizons.set(identityOf(person), [lastRead, timeOf(person)])
    }
    for (const { person, author, time, body } of chat.messages) {
      doc.clientID = clientIdOf(person)
      messages.insert(messages.length, [[author, time, body]])
    }
    return new Map([[ONE, Y.encodeStateAsUpdate(doc)]])
  },

  open(stored) {
    const { participants, horizons, messages } = rootsOf(replica(documentOf(stored, ONE)))
    return {
      listed() {
        const listed: Listed[] = []
        for (const [identity, attributes] of participants.entries()) {
          const lastRead = horizons.get(identity)?.[0] ?? null
          listed.push({ identity, attributes: JSON.parse(attributes), lastRead })
        }
        return listed
      },
      unread() {
        const me = identityOf(READER)
        const from = (horizons.get(me)?.[0] ?? -1) + 1
        return messages.slice(from).filter(([author]) => author !== me).length
      },
      newest: () => messages.slice(-SHOWN).map(toMessage),
    }
  },

  pair(stored) {
    const sender = replica(documentOf(stored, ONE))
    const other = replica(documentOf(stored, ONE))
    sender.clientID = clientIdOf(SENDER)
    const updates: Uint8Array[] = []
    sender.on('update', (update: Uint8Array) => updates.push(update))
    const { horizons, messages } = rootsOf(sender)
    const deliver = () => {
      applyAll(other, updates)
      const length = lengthOf(updates.splice(0))
      return { up: length, down: length }
    }
    return {
      send(sent) {
        for (const { author, time, body } of sent) {
          // Not `push`, which walks along everything that is there.
          messages.insert(messages.length, [[author, time, body]])
        }
        return deliver()
      },
      advance(index) {
        horizons.set(identityOf(SENDER), [index, timeOf(index)])
        return deliver()
      },
      seen() {
        const { horizons, messages } = rootsOf(other)
        const lastRead = horizons.get(identityOf(SENDER))?.[0] ?? null
        return { lastBody: messages.get(messages.length - 1)?.[2], lastRead }
      },
    }
  },
}

function rootsOf(doc: Y.Doc) {
  return {
    participants: doc.getMap<string>('participants'),
    horizons: doc.getMap<[index: number, time: number]>('horizons'),
    messages: doc.getArray<Tuple>('messages'),
  }
}

function toMessage([author, time, body]: Tuple): Message {
  return { author, time, body }
}

import * as Y from 'yjs'
import type { JSONValue } from '../src/base/json.ts'
import type { Layout } from './layout.ts'
import { attributesOf, identityOf } from './people.ts'

/** A participant as an app shows one. */
export interface Shown {
  identity: string
  attributes: JSONValue
  dateCreated: number
  roleSid: string
  lastReadMessageIndex: number | null
}

/** Raw Yjs with a way to list participants and to hear of their changes. */
export interface RawLayout extends Layout {
  list(doc: Y.Doc): Shown[]
  observe(doc: Y.Doc, listener: (change: unknown) => void): void
}

type Nested = Y.Map<Y.Map<unknown>>

/** The usual way: a nested map per participant, three keys per advance, `observeDeep`. */
export const usual: RawLayout = {
  open(doc) {
    const participants: Nested = doc.getMap('participants')
    const of = (person: number) => participants.get(identityOf(person)) as Y.Map<unknown>
    return {
      join(person, now) {
        doc.transact(() => {
          const participant = new Y.Map<unknown>()
          participants.set(identityOf(person), participant)
          participant.set('identity', identityOf(person))
          participant.set('attributes', attributesOf(person))
          participant.set('dateCreated', now)
          participant.set('dateUpdated', now)
          participant.set('roleSid', '')
        })
      },
      setRole(person, roleSid, now) {
        doc.transact(() => {
          of(person).set('roleSid', roleSid)
          of(person).set('dateUpdated', now)
        })
      },
      setAttributes(person, attributes, now) {
        doc.transact(() => {
          of(person).set('attributes', attributes)
          of(person).set('dateUpdated', now)
        })
      },
      advance(person, index, now) {
        doc.transact(() => {
          const participant = of(person)
          participant.set('lastReadMessageIndex', index)
          participant.set('lastReadTimestamp', now)
          participant.set('dateUpdated', now)
        })
      },
    }
  },

  read(doc) {
    return [...doc.getMap('participants').keys()]
  },

  list(doc) {
    const shown: Shown[] = []
    for (const participant of (doc.getMap('participants') as Nested).values()) {
      shown.push({
        identity: participant.get('identity') as string,
        attributes: participant.get('attributes') as JSONValue,
        dateCreated: participant.get('dateCreated') as number,
        roleSid: participant.get('roleSid') as string,
        lastReadMessageIndex: (participant.get('lastReadMessageIndex') as number) ?? null,
      })
    }
    return shown
  },

  observe(doc, listener) {
    const participants: Nested = doc.getMap('participants')
    participants.observeDeep(events => {
      for (const { path, changes } of events) {
        const participant = participants.get(path[0] as string)
        if (participant) {
          listener({ participant: participant.toJSON(), reasons: [...changes.keys.keys()] })
        }
      }
    })
  },
}

type Join = [dateCreated: number, attributes: string, roleSid: string]

/**
 * The best way known: root maps with one tuple per key, attributes as JSON text. It gives up what merging needs: two
 * devices of a participant overwrite each other, and so do two changes of attributes.
 */
export const best: RawLayout = {
  open(doc) {
    const participants = doc.getMap<Join>('participants')
    const horizons = doc.getMap<[number, number]>('horizons')
    const of = (person: number) => participants.get(identityOf(person)) as Join
    return {
      join(person, now) {
        participants.set(identityOf(person), [now, JSON.stringify(attributesOf(person)), ''])
      },
      setRole(person, roleSid) {
        const [dateCreated, attributes] = of(person)
        participants.set(identityOf(person), [dateCreated, attributes, roleSid])
      },
      setAttributes(person, attributes) {
        const [dateCreated, , roleSid] = of(person)
        participants.set(identityOf(person), [dateCreated, JSON.stringify(attributes), roleSid])
      },
      advance(person, index, now) {
        horizons.set(identityOf(person), [index, now])
      },
    }
  },

  read(doc) {
    return [...doc.getMap('participants').keys(), ...doc.getMap('horizons').keys()]
  },

  list(doc) {
    const horizons = doc.getMap<[number, number]>('horizons')
    const shown: Shown[] = []
    for (const [identity, [dateCreated, attributes, roleSid]] of doc
      .getMap<Join>('participants')
      .entries()) {
      shown.push({
        identity,
        attributes: JSON.parse(attributes),
        dateCreated,
        roleSid,
        lastReadMessageIndex: horizons.get(identity)?.[0] ?? null,
      })
    }
    return shown
  },

  observe(doc) {
    observeIdly(doc, 'participants', 'horizons')
  },
}

/** The least that can be asked of Yjs: an observer per root that does nothing. */
export function observeIdly(doc: Y.Doc, ...roots: string[]): void {
  for (const root of roots) doc.getMap(root).observe(() => {})
}

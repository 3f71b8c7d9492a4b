import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { ConversationDocument } from '../../src/schema/conversation-document.ts'
import { ROOTS } from '../../src/schema/format.ts'
import { HorizonHistory, type Step, schedule } from '../support/horizon-schedule.ts'
import { runs } from '../support/runs.ts'

/** A document with one participant, and everything it showed of their horizon. */
class Device {
  readonly doc = new Y.Doc()
  readonly known: Set<number>
  readonly shown: number[] = []
  readonly document: ConversationDocument

  constructor(before?: Device) {
    if (before) Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(before.doc))
    this.known = new Set(before?.known)
    this.document = new ConversationDocument(this.doc, ({ updated }) => {
      if (updated.length > 0) this.shown.push(this.reading ?? -1)
    })
    this.document.start()
  }

  get entry() {
    return this.document.entry('alice')
  }

  get reading(): number | null {
    return this.entry.lastReadMessageIndex
  }

  get slots(): number {
    return this.doc.getMap(ROOTS.horizons).size
  }

  set(index: number, time: number): 'advance' | 'rewind' {
    const isAdvance = index >= (this.reading ?? -1)
    this.document.transact(() => {
      if (!isAdvance) this.document.rewindHorizon(this.entry, { index }, time)
      else if (this.document.advanceHorizon(this.entry, { index }, time)) {
        this.document.writeHorizon(this.entry)
      }
    })
    return isAdvance ? 'advance' : 'rewind'
  }

  receive(from: Device): void {
    Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(from.doc, Y.encodeStateVector(this.doc)))
    for (const id of from.known) this.known.add(id)
  }
}

class World {
  readonly history = new HorizonHistory()
  readonly devices: Device[]

  constructor(devices: number) {
    const first = new Device()
    first.document.transact(() => first.document.addParticipant('alice', {}, undefined, 0, 1))
    this.devices = Array.from({ length: devices }, () => new Device(first))
  }

  do(step: Step): Device {
    if (step.kind === 'sync') {
      const to = this.devices[step.to] as Device
      if (step.from !== step.to) to.receive(this.devices[step.from] as Device)
      return to
    }
    const device = this.devices[step.device] as Device
    if (step.kind === 'restart') {
      this.devices[step.device] = new Device(device)
      return this.devices[step.device] as Device
    }
    const kind = device.set(step.index, this.history.length + 1)
    this.history.record(kind, step.index, device.known)
    return device
  }
}

const devicesAndSteps = fc
  .integer({ min: 3, max: 5 })
  .chain(devices => fc.tuple(fc.constant(devices), schedule(devices, 50)))

describe('the horizon in the document', () => {
  it('is what its history says, at all times, on all devices, across restarts', () => {
    fc.assert(
      fc.property(devicesAndSteps, ([devices, steps]) => {
        const world = new World(devices)
        for (const step of steps) {
          const { reading, known } = world.do(step)
          expect(reading).toBe(world.history.expected(known))
        }
        for (const from of world.devices)
          for (const to of world.devices) if (from !== to) to.receive(from)
        const fresh = new Device(world.devices[0])
        for (const { reading, known } of [...world.devices, fresh]) {
          expect(reading).toBe(world.history.expected(known))
        }
      }),
      runs(300),
    )
  })

  it('takes no more than a few slots, however many sessions wrote it', () => {
    let device = new Device()
    device.document.transact(() => device.document.addParticipant('alice', {}, undefined, 0, 1))
    for (let i = 0; i < 50; i++) {
      device = new Device(device)
      device.set(i % 7 === 3 ? 2 : i, i)
      expect(device.slots).toBeLessThanOrEqual(4)
    }
  })

  it('never shows a lower value unless somebody went back, in whatever order updates and their parts arrive', () => {
    const order = fc.array(fc.nat(), { minLength: 60, maxLength: 60 })
    fc.assert(
      fc.property(schedule(4, 50), order, (steps, picks) => {
        const world = new World(4)
        const updates: Uint8Array[] = [Y.encodeStateAsUpdate((world.devices[0] as Device).doc)]
        let highest = -1
        for (const step of steps) {
          if (step.kind === 'set') {
            const { reading } = world.devices[step.device] as Device
            step.index = Math.max(step.index, reading ?? -1)
            highest = Math.max(highest, step.index)
          }
          const at = step.kind === 'sync' ? step.to : step.device
          const device = world.devices[at] as Device
          const collect = (update: Uint8Array) => updates.push(update)
          if (step.kind === 'set') device.doc.on('update', collect)
          world.do(step)
          device.doc.off('update', collect)
        }
        const reader = new Device()
        const waiting = [...updates]
        for (let i = 0; waiting.length > 0; i++) {
          const [update] = waiting.splice((picks[i % picks.length] as number) % waiting.length, 1)
          Y.applyUpdate(reader.doc, update as Uint8Array)
        }
        for (const { shown } of [reader, ...world.devices]) {
          expect(shown.every((index, i) => i === 0 || index >= (shown[i - 1] as number))).toBe(true)
        }
        expect(reader.reading ?? -1).toBe(highest)
      }),
      runs(300),
    )
  })

  it('does not go back while an update that deletes others has come before the one it builds on', () => {
    const first = new Device()
    first.document.transact(() => first.document.addParticipant('alice', {}, undefined, 0, 1))
    const others = [3, 5, 8].map(index => {
      const device = new Device(first)
      device.set(index, index)
      return device
    }) as [Device, Device, Device]
    const last = new Device(first)
    const updates: Uint8Array[] = []
    last.doc.on('update', (update, origin) => origin === last.document && updates.push(update))
    last.receive(others[0])
    last.set(9, 9)
    last.receive(others[1])
    last.receive(others[2])
    last.set(10, 10)
    expect(last.slots).toBe(1)

    const reader = new Device(first)
    for (const device of others) reader.receive(device)
    const [one, two] = updates as [Uint8Array, Uint8Array]
    Y.applyUpdate(reader.doc, two)
    expect([reader.slots, reader.reading]).toEqual([0, 8])
    Y.applyUpdate(reader.doc, one)
    expect([reader.slots, reader.reading]).toEqual([1, 10])
    expect(reader.shown).toEqual(reader.shown.toSorted((a, b) => a - b))
  })

  it('tells of a value only if it differs after the transaction', () => {
    const phone = new Device()
    phone.document.transact(() => phone.document.addParticipant('alice', {}, undefined, 0, 1))
    const laptop = new Device(phone)
    const reader = new Device(phone)
    const masks: number[] = []
    const told = new ConversationDocument(reader.doc, ({ updated }) => {
      for (const [, mask] of updated) masks.push(mask)
    })
    told.start()
    phone.set(5, 10)
    laptop.receive(phone)
    laptop.set(-1, 20)
    reader.receive(laptop)
    expect(reader.reading).toBe(null)
    // Read up to 5 on the one device, and marked unread on the other: dates differ, and the index does not.
    expect(masks).toEqual([0b0100010])
  })
})

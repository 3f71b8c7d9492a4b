import type { Persistence, PersistenceHandle } from '../../sync/provider.ts'
import { Device } from './device.ts'
import { assertEqual } from './suite.ts'

/** Tells the suite how to make the persistence under test. `Storage` is whatever stands for one device's disk. */
export interface PersistenceSetup<Storage> {
  /** Empty storage, for one test. */
  createStorage(): Storage | Promise<Storage>
  /** The persistence on that storage. Asked for anew at each restart of the device. */
  persistence(storage: Storage): Persistence
  /** Turns on the checks on growth: how many rows are stored of a document. */
  countRows?(storage: Storage, name: string): number | Promise<number>
  /** Turns on the checks on client ids that sessions leave to later ones. */
  hasWriters?: boolean
  /** Turns on the checks on trouble: from now on every write fails. */
  failWrites?(storage: Storage): void | Promise<void>
  /** Turns on the check on recovery, together with `failWrites`: from now on writes work again. */
  mendWrites?(storage: Storage): void | Promise<void>
  closeStorage?(storage: Storage): void | Promise<void>
}

export type StoredDevice = Device & { handle: PersistenceHandle }

/** The restarts of one device, in one test. */
export class Disk<Storage> {
  readonly #setup: PersistenceSetup<Storage>
  #storage: Storage
  readonly #devices: StoredDevice[] = []
  isTroubled = false

  constructor(setup: PersistenceSetup<Storage>, storage: Storage) {
    this.#setup = setup
    this.#storage = storage
  }

  /** Opens a document as after a restart, and does not wait until it is loaded. */
  open(name = 'room'): StoredDevice {
    const device = new Device(name)
    const handle = this.#setup.persistence(this.#storage)(device.context)
    const stored = Object.assign(device, { handle })
    this.#devices.push(stored)
    return stored
  }

  async load(name?: string): Promise<StoredDevice> {
    const device = this.open(name)
    await device.handle.whenLoaded
    return device
  }

  async countRows(name = 'room'): Promise<number> {
    return (await this.#setup.countRows?.(this.#storage, name)) ?? 0
  }

  async failWrites(): Promise<void> {
    this.isTroubled = true
    await this.#setup.failWrites?.(this.#storage)
  }

  async mendWrites(): Promise<void> {
    await this.#setup.mendWrites?.(this.#storage)
  }

  /** From now on devices have new storage, as after the old one was deleted. */
  async loseStorage(): Promise<void> {
    await this.#closeStorage()
    this.#storage = await this.#setup.createStorage()
  }

  verify(): void {
    const errors = this.#devices.flatMap(({ errors }) => errors.map(String))
    if (!this.isTroubled) assertEqual(errors, [], 'reported errors')
  }

  async close(): Promise<void> {
    await this.#closeStorage()
  }

  async #closeStorage(): Promise<void> {
    for (const device of this.#devices) {
      await device.handle.destroy()
      device.destroy()
    }
    await this.#setup.closeStorage?.(this.#storage)
  }
}

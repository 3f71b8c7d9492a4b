import type { Transport, TransportHandle } from '../../sync/provider.ts'
import { Device } from './device.ts'
import { assertEqual } from './suite.ts'

/** Tells the suite how to make the transport under test. `Network` is whatever carries messages: a server, say. */
export interface TransportSetup<Network> {
  /** A network that nobody has used, for one test. */
  createNetwork(): Network | Promise<Network>
  /** The transport of one more device on that network. */
  transport(network: Network): Transport
  /** Turns on the checks on trouble, together with `mend`: from now on nobody reaches anybody. */
  cut?(network: Network): void | Promise<void>
  mend?(network: Network): void | Promise<void>
  /** Turns on the check for echoes on the wire: messages carried so far. */
  countMessages?(network: Network): number
  /** Turns on the check on bad input: sends bytes that mean nothing to the devices in a room. */
  sendGarbage?(network: Network, room: string): void | Promise<void>
  /** How long something may take to arrive. Default: 10,000. */
  patienceMs?: number
  closeNetwork?(network: Network): void | Promise<void>
}

export type PluggedDevice = Device & { handle: TransportHandle }

/** The devices of one test on one network. */
export class Room<Network> {
  readonly #setup: TransportSetup<Network>
  readonly #network: Network
  readonly #devices: PluggedDevice[] = []
  isTroubled = false

  constructor(setup: TransportSetup<Network>, network: Network) {
    this.#setup = setup
    this.#network = network
  }

  /** A device that is not connected yet. */
  plug(name = 'room', prepare?: (device: Device) => void): PluggedDevice {
    const device = new Device(name, this.#setup.patienceMs)
    prepare?.(device)
    const handle = this.#setup.transport(this.#network)(device.context)
    const plugged = Object.assign(device, { handle })
    this.#devices.push(plugged)
    return plugged
  }

  /** A device that is connected and synced. */
  async join(name = 'room', prepare?: (device: Device) => void): Promise<PluggedDevice> {
    const device = this.plug(name, prepare)
    device.handle.connect()
    await whenSynced(device)
    return device
  }

  async cut(): Promise<void> {
    this.isTroubled = true
    await this.#setup.cut?.(this.#network)
  }

  async mend(): Promise<void> {
    await this.#setup.mend?.(this.#network)
  }

  countMessages(): number {
    return this.#setup.countMessages?.(this.#network) ?? 0
  }

  async sendGarbage(): Promise<void> {
    this.isTroubled = true
    await this.#setup.sendGarbage?.(this.#network, 'room')
  }

  verify(): void {
    for (const { errors, statuses } of this.#devices) {
      if (!this.isTroubled) assertEqual(errors.map(String), [], 'reported errors')
      const repeated = statuses.filter((status, i) => status === statuses[i - 1])
      assertEqual(repeated, [], `statuses reported twice in a row, in ${statuses}`)
    }
  }

  async close(): Promise<void> {
    for (const device of this.#devices) {
      await device.handle.destroy()
      device.destroy()
    }
    await this.#setup.closeNetwork?.(this.#network)
  }
}

export async function whenSynced(device: PluggedDevice): Promise<void> {
  await device.until(() => device.isSynced, 'the first exchange is done')
  assertEqual(device.status, 'connected', 'status when synced')
}

export async function whenNoted(device: Device, key: string, value: unknown): Promise<void> {
  await device.until(() => device.notes.get(key) === value, `"${key}" arrives`)
}

export async function whenSeen(
  device: Device,
  other: Device,
  mood: string | undefined,
): Promise<void> {
  const what = mood ? `a peer's state says "${mood}"` : `a peer's state is gone`
  await device.until(() => device.stateOf(other)?.mood === mood, what)
}

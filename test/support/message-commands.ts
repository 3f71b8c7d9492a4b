import fc from 'fast-check'

const DAY_MS = 86_400_000

/** Two users with two devices, and one with one. */
export const MESSAGE_DEVICES = [
  { name: 'alice-phone', identity: 'alice', skewMs: 0 },
  { name: 'bob-phone', identity: 'bob', skewMs: 5 * DAY_MS },
  { name: 'alice-laptop', identity: 'alice', skewMs: -3 * DAY_MS },
  { name: 'carol', identity: '@carol|"x"', skewMs: 1 },
  { name: 'bob-laptop', identity: 'bob', skewMs: -9 * DAY_MS },
]

type Kind<K extends string, Rest = object> = K extends string ? { kind: K } & Rest : never

interface At {
  device: number
}

export type MessageCommand =
  | Kind<'send' | 'readAll' | 'unreadAll' | 'type', At>
  /** `pick` chooses among what is shown there. */
  | Kind<'edit' | 'react' | 'remove' | 'read' | 'unread', At & { pick: number }>
  | Kind<'pages', At & { size: number }>
  | Kind<'crash' | 'kill' | 'start' | 'restart' | 'move', At>
  | Kind<'partition', { groups: number[] }>
  | Kind<'heal' | 'settle'>
  | Kind<'deliver', { ticks: number }>
  | Kind<'clock' | 'wait', At & { ms: number }>

export interface Schedule {
  /** Decides what the network does. */
  seed: number
  /** How many devices there are. */
  size: number
  /** Which of them gives indices; null = none. */
  sequencer: number | null
  commands: MessageCommand[]
}

const device = fc.nat(MESSAGE_DEVICES.length - 1)
const pick = fc.nat(40)

function kinds<const K extends string>(...names: K[]) {
  return fc.constantFrom(...names)
}

const command: fc.Arbitrary<MessageCommand> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: kinds('send'), device }) },
  { weight: 5, arbitrary: fc.record({ kind: kinds('edit', 'react', 'remove'), device, pick }) },
  { weight: 7, arbitrary: fc.record({ kind: kinds('read'), device, pick }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds('unread'), device, pick }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds('readAll', 'readAll', 'unreadAll'), device }) },
  { weight: 1, arbitrary: fc.record({ kind: kinds('type'), device }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kinds('pages'),
      device,
      size: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: kinds('crash', 'crash', 'kill', 'start', 'restart'), device }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kinds('move'), device }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: kinds('partition'),
      groups: fc.array(fc.nat(2), {
        minLength: MESSAGE_DEVICES.length,
        maxLength: MESSAGE_DEVICES.length,
      }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: kinds('heal', 'settle', 'settle') }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: kinds('deliver'), ticks: fc.integer({ min: 1, max: 8 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kinds('clock'),
      device,
      ms: fc.integer({ min: -10 * DAY_MS, max: 10 * DAY_MS }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kinds('wait'), device, ms: fc.nat(6000) }),
  },
)

/** @param sequencer of devices that there may be no more of */
export function schedules(sequencer: fc.Arbitrary<number | null>): fc.Arbitrary<Schedule> {
  return fc.record({
    seed: fc.nat(),
    size: fc.integer({ min: 3, max: MESSAGE_DEVICES.length }),
    sequencer,
    commands: fc.array(command, { minLength: 5, maxLength: 60, size: 'max' }),
  })
}

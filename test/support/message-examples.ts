import type { Schedule } from './message-commands.ts'

/** Lives that the library was found wanting with. */
export const MESSAGE_EXAMPLES: Schedule[] = [
  // Another device of the same user reads what is pending, by a slower clock: neither index nor time changes.
  {
    seed: 0,
    size: 3,
    sequencer: null,
    commands: [
      { kind: 'send', device: 0 },
      { kind: 'send', device: 1 },
      { kind: 'deliver', ticks: 2 },
      { kind: 'send', device: 0 },
      { kind: 'read', device: 0, pick: 0 },
      { kind: 'send', device: 0 },
      { kind: 'readAll', device: 2 },
      { kind: 'deliver', ticks: 1 },
    ],
  },
  // An outbox is emptied before the state of the log comes that says why.
  {
    seed: 0,
    size: 3,
    sequencer: 0,
    commands: [
      { kind: 'send', device: 0 },
      { kind: 'remove', device: 0, pick: 0 },
      { kind: 'send', device: 0 },
      { kind: 'deliver', ticks: 1 },
      { kind: 'read', device: 0, pick: 0 },
      { kind: 'send', device: 0 },
      { kind: 'send', device: 0 },
    ],
  },
  // The old version of an edited message goes before the new one comes.
  {
    seed: 0,
    size: 3,
    sequencer: 0,
    commands: [
      { kind: 'settle' },
      { kind: 'send', device: 1 },
      { kind: 'deliver', ticks: 3 },
      { kind: 'readAll', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'edit', device: 1, pick: 0 },
    ],
  },
  // Somebody edits what somebody else has edited, and neither is in the log.
  {
    seed: 0,
    size: 3,
    sequencer: null,
    commands: [
      { kind: 'send', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'edit', device: 0, pick: 7 },
      { kind: 'deliver', ticks: 6 },
      { kind: 'readAll', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'read', device: 0, pick: 22 },
      { kind: 'edit', device: 1, pick: 7 },
    ],
  },
  // A device starts again with a page on which nobody has said yet that there is something.
  {
    seed: 138_055_618,
    size: 3,
    sequencer: 1,
    commands: [
      { kind: 'settle' },
      { kind: 'crash', device: 0 },
      { kind: 'deliver', ticks: 2 },
      { kind: 'send', device: 1 },
      { kind: 'deliver', ticks: 2 },
      { kind: 'crash', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'crash', device: 0 },
    ],
  },
  // A deletion comes without what says that the message is in the log.
  {
    seed: 749737917,
    size: 4,
    sequencer: 2,
    commands: [
      { kind: 'settle' },
      { kind: 'send', device: 0 },
      { kind: 'send', device: 3 },
      { kind: 'type', device: 1 },
      { kind: 'restart', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'deliver', ticks: 5 },
      { kind: 'restart', device: 2 },
      { kind: 'send', device: 0 },
      { kind: 'pages', device: 0, size: 1 },
      { kind: 'deliver', ticks: 1 },
    ],
  },
  // A removal is recorded before the page shows it.
  {
    seed: 66678252,
    size: 3,
    sequencer: 0,
    commands: [
      { kind: 'deliver', ticks: 4 },
      { kind: 'crash', device: 1 },
      { kind: 'deliver', ticks: 4 },
      { kind: 'send', device: 4 },
      { kind: 'send', device: 1 },
      { kind: 'deliver', ticks: 1 },
      { kind: 'deliver', ticks: 1 },
      { kind: 'remove', device: 1, pick: 0 },
      { kind: 'deliver', ticks: 8 },
      { kind: 'crash', device: 4 },
      { kind: 'partition', groups: [0, 0, 1, 0, 0] },
      { kind: 'settle' },
      { kind: 'read', device: 0, pick: 0 },
      { kind: 'edit', device: 0, pick: 0 },
      { kind: 'partition', groups: [0, 0, 0, 0, 0] },
      { kind: 'wait', device: 0, ms: 0 },
      { kind: 'clock', device: 0, ms: 0 },
    ],
  },
  // Somebody goes back to before what they read while it was pending.
  {
    seed: 2147454838,
    size: 4,
    sequencer: 1,
    commands: [
      { kind: 'send', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'deliver', ticks: 2 },
      { kind: 'crash', device: 2 },
      { kind: 'send', device: 2 },
      { kind: 'readAll', device: 1 },
      { kind: 'settle' },
      { kind: 'unread', device: 1, pick: 19 },
      { kind: 'deliver', ticks: 1 },
      { kind: 'heal' },
      { kind: 'move', device: 0 },
      { kind: 'send', device: 0 },
      { kind: 'pages', device: 0, size: 1 },
    ],
  },
]

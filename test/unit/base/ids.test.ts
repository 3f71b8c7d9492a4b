import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { conversationSid, hash, participantSid, userSid } from '../../../src/base/ids.ts'
import { runs } from '../../support/runs.ts'

describe('sids', () => {
  it('are the first 128 bits of a SHA-256', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), text => {
        expect(hash(text)).toBe(createHash('sha256').update(text).digest('hex').slice(0, 32))
      }),
      runs(300),
    )
  })

  it('have the prefixes of the SDK', () => {
    expect(conversationSid('room')).toMatch(/^CH[0-9a-f]{32}$/)
    expect(participantSid(conversationSid('room'), 'bob')).toMatch(/^MB[0-9a-f]{32}$/)
    expect(userSid('bob')).toMatch(/^US[0-9a-f]{32}$/)
  })

  it('name a conversation alike by its name and by its sid', () => {
    const sid = conversationSid('room')
    expect(conversationSid(sid)).toBe(sid)
    expect(conversationSid(sid.toUpperCase())).not.toBe(sid.toUpperCase())
    expect(conversationSid(`${sid}\n`)).not.toBe(`${sid}\n`)
  })

  it('tell participants of one conversation, and one user in several, apart', () => {
    const sids = ['a', 'b'].flatMap(name =>
      ['bob', '@@bob', '@sms:+1', 'b/ob'].map(key => participantSid(conversationSid(name), key)),
    )
    expect(new Set(sids).size).toBe(sids.length)
  })
})

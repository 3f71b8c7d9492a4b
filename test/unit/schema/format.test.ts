import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  attributeKey,
  decodeAttribute,
  parseAttributeKey,
} from '../../../src/schema/attribute-map.ts'
import {
  chatKey,
  isTime,
  MAX_TIME,
  nonChatKey,
  parseParticipantKey,
  parseSlotKey,
  slotKey,
  timeAfter,
} from '../../../src/schema/format.ts'
import { decodeRecord, encodeRecord } from '../../../src/schema/participant-record.ts'
import { runs } from '../../support/runs.ts'

const text = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom('@', '|', ':', '"', '\\', 'a', '\n'),
    minLength: 1,
    maxLength: 8,
  }),
)
const clientId = fc.nat(0xffffffff)

describe('the key of a participant', () => {
  it('tells the identity, whatever is in it', () => {
    fc.assert(
      fc.property(text, identity => {
        expect(parseParticipantKey(chatKey(identity))).toEqual({ type: 'chat', identity })
      }),
      runs(500),
    )
  })

  it('tells type and address of who is not on chat, whatever is in the address', () => {
    fc.assert(
      fc.property(fc.constantFrom('sms', 'whatsapp', 'email'), text, (type, address) => {
        expect(parseParticipantKey(nonChatKey(type, address))).toEqual({
          type,
          identity: null,
          address,
        })
      }),
      runs(500),
    )
  })

  it('of two is never the same', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(chatKey(a) === chatKey(b)).toBe(a === b)
        expect(chatKey(a)).not.toBe(nonChatKey('sms', b))
      }),
      runs(500),
    )
  })

  it('is none of these', () => {
    for (const key of ['', '@', '@sms', '@sms:', '@:x'])
      expect(parseParticipantKey(key)).toBe(undefined)
  })
})

describe('the key of a slot', () => {
  it('tells owner and writer, whatever is in the owner', () => {
    fc.assert(
      fc.property(text, clientId, (owner, writer) => {
        expect(parseSlotKey(slotKey(owner, writer))).toEqual({ owner, number: writer })
      }),
      runs(500),
    )
  })

  it('has one form only', () => {
    for (const key of [
      'bob',
      'bob|',
      'bob|A',
      'bob|0a',
      'bob| a',
      'bob|a.5',
      'bob|é',
      'bob|zzzzzzzzzzzzzzz',
    ]) {
      expect(parseSlotKey(key)).toBe(undefined)
    }
  })
})

describe('the key of an attribute', () => {
  it('tells entity, membership and path', () => {
    fc.assert(
      fc.property(
        fc.string(),
        clientId,
        fc.array(
          fc.string().map(name => `.${name}`),
          { maxLength: 64 },
        ),
        (entity, incarnation, path) => {
          const key = attributeKey(entity, incarnation, path)
          expect(parseAttributeKey(key)).toEqual({ entity, incarnation, path })
        },
      ),
      runs(300),
    )
  })

  it('is none of these', () => {
    const odd = [
      '',
      '5',
      'null',
      '"ab"',
      '{}',
      '[]',
      '[5]',
      '["a"]',
      '["a",".b"]',
      '["a","1",".b"]',
      '["a",1.5,".b"]',
      '["a",null,".b"]',
      '["a",1, ".b"]',
      '["a",1,"b"]',
      '["a",1,"#"]',
      '["a",1,"#0"]',
      '["a",1,".b",5]',
    ]
    const deep = attributeKey('a', 1, new Array(65).fill('.x'))
    for (const key of [...odd, deep, '['.repeat(100_000)]) {
      expect(parseAttributeKey(key), key.slice(0, 20)).toBe(undefined)
    }
  })

  it('and its value are read from whatever lies there', () => {
    fc.assert(
      fc.property(fc.string(), fc.anything(), (key, value) => {
        parseAttributeKey(key)
        decodeAttribute({ incarnation: 0, path: ['.a'] }, value)
        decodeAttribute({ incarnation: 0, path: ['.a'] }, [value, 1])
        parseSlotKey(key)
        parseParticipantKey(key)
        decodeRecord(1, value)
        decodeRecord(1, [1, 1, value, value])
      }),
      runs(1000),
    )
  })
})

describe('a record', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(
        fc.record({
          writer: clientId,
          dateCreated: fc.nat(),
          incarnation: clientId,
          attributes: fc.option(fc.json(), { nil: undefined }),
          binding: fc.option(
            fc.record(
              {
                address: text,
                proxyAddress: text,
                name: text,
                level: fc.constantFrom('to' as const, 'cc' as const),
              },
              { requiredKeys: ['address'] },
            ),
            { nil: undefined },
          ),
        }),
        record => {
          expect(decodeRecord(record.writer, encodeRecord(record))).toEqual(record)
        },
      ),
      runs(300),
    )
  })
})

describe('times', () => {
  it('only grow, and stay times', () => {
    expect(timeAfter(5, 10)).toBe(10)
    expect(timeAfter(10, 5)).toBe(11)
    expect(isTime(timeAfter(MAX_TIME, 5))).toBe(true)
    expect(isTime(timeAfter(0, Infinity))).toBe(true)
  })

  it('are numbers that a date can show', () => {
    for (const value of [
      Number.NaN,
      Infinity,
      -Infinity,
      8.64e15,
      '5',
      null,
      undefined,
      5n,
      new Date(0),
    ]) {
      expect(isTime(value)).toBe(false)
    }
    expect(new Date(MAX_TIME).getTime()).toBe(MAX_TIME)
    expect(new Date(-MAX_TIME).getTime()).toBe(-MAX_TIME)
  })
})

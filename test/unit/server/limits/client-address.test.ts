import type { IncomingMessage } from 'node:http'
import { expect, it } from 'vitest'
import { addressKey, clientAddress } from '../../../../src/server/limits/client-address.ts'

const request = (forwarded?: string) =>
  ({
    socket: { remoteAddress: '10.0.0.1' },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage

it.each([
  [undefined, '10.0.0.1'],
  ['', '10.0.0.1'],
  ['unknown', '10.0.0.1'],
  ['203.0.113.1', '203.0.113.1'],
  ['1.1.1.1, 203.0.113.1 ', '203.0.113.1'],
  ['203.0.113.1, <script>', '10.0.0.1'],
  ['[2001:db8::1]', '2001:db8::1'],
])('behind a proxy that says %j it is %s', (forwarded, address) => {
  expect(clientAddress(request(forwarded), true)).toBe(address)
  expect(clientAddress(request(forwarded), false)).toBe('10.0.0.1')
})

it.each([
  ['203.0.113.1', '203.0.113.1'],
  ['::ffff:203.0.113.1', '203.0.113.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8:0001:0002::1', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:db8:1:2:3::', '2001:db8:1:2'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['', ''],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key)
})

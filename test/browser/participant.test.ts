import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Participant } from '../../src/index.ts'
import { launchBrowser } from '../support/browser.ts'
import { type PageServer, startPageServer } from '../support/page-server.ts'
import { bundleServer, startChild } from '../unit/server/support/child-server.ts'
import { becomePerson, logged, openPerson, temporaryDirectory } from './participant-support.ts'

/*
 * Every row of the participant's contract, between two browsers with storage of their own and a server that is a
 * process of its own.
 */

let pages: PageServer
let program: string
let browsers: Record<string, BrowserContext>
beforeAll(async () => {
  pages = await startPageServer()
  program = await bundleServer()
  browsers = { alice: await launchBrowser(), bob: await launchBrowser() }
})
afterAll(async () => {
  for (const browser of Object.values(browsers)) await browser.close()
  await pages.close()
})

async function openPage(identity: string, serverUrl: string): Promise<Page> {
  const page = await openPerson(
    browsers[identity] as BrowserContext,
    pages.url,
    identity,
    serverUrl,
  )
  onTestFinished(() => page.close())
  return page
}

async function openBoth(): Promise<{ alice: Page; bob: Page }> {
  const { url } = await startChild(program, await temporaryDirectory())
  const alice = await openPage('alice', url)
  const bob = await openPage('bob', url)
  await alice.evaluate(() => me.conversation.join({ nick: 'Al' }))
  await bob.evaluate(() => me.conversation.join())
  await logged(bob, 'joined alice')
  await logged(alice, 'joined bob')
  await bob.evaluate(() => me.follow('alice'))
  await alice.evaluate(() => me.follow('alice'))
  return { alice, bob }
}

function read(page: Page, identity = 'alice') {
  return page.evaluate(async identity => {
    const participant = (await me.conversation.getParticipantByIdentity(identity)) as Participant
    const { attributes, type, isTyping, lastReadMessageIndex, roleSid, bindings, sid } = participant
    return {
      attributes,
      type,
      identity: participant.identity,
      isTyping,
      lastReadMessageIndex,
      lastReadTimestamp: participant.lastReadTimestamp?.getTime() ?? null,
      dateCreated: participant.dateCreated?.getTime(),
      dateUpdated: participant.dateUpdated?.getTime(),
      roleSid,
      bindings,
      sid,
      isOfConversation: participant.conversation === me.conversation,
      isSame: participant === (await me.conversation.getParticipantBySid(sid)),
    }
  }, identity)
}

test('a participant has the same properties in both browsers', async () => {
  const before = Date.now()
  const { alice, bob } = await openBoth()
  const there = await read(bob)
  expect(await read(alice)).toEqual(there)
  expect(there).toMatchObject({
    attributes: { nick: 'Al' },
    type: 'chat',
    identity: 'alice',
    isTyping: false,
    lastReadMessageIndex: null,
    lastReadTimestamp: null,
    roleSid: '',
    bindings: {},
    sid: expect.stringMatching(/^MB[0-9a-f]{32}$/),
    isOfConversation: true,
    isSame: true,
  })
  expect(there.dateCreated).toBeGreaterThanOrEqual(before)
  expect(there.dateCreated).toBeLessThanOrEqual(Date.now())
  expect(there.dateUpdated).toBe(there.dateCreated)
})

test('every change is told on the object, once and with its reasons', async () => {
  const { alice, bob } = await openBoth()
  const change = (step: string) =>
    alice.evaluate(async step => {
      const { conversation } = me
      const self = (await conversation.getParticipantByIdentity('alice')) as Participant
      if (step === 'attributes') await self.updateAttributes({ nick: 'Ali', tags: [1] })
      if (step === 'same') await self.updateAttributes({ tags: [1], nick: 'Ali' })
      if (step === 'role') await self.updateRole('RL1')
      if (step === 'advance') await conversation.advanceLastReadMessageIndex(7)
      if (step === 'back') await conversation.updateLastReadMessageIndex(2)
      if (step === 'unread') await conversation.setAllMessagesUnread()
    }, step)

  for (const [step, reasons] of [
    ['attributes', 'attributes,dateUpdated'],
    ['role', 'dateUpdated,roleSid'],
    ['advance', 'dateUpdated,lastReadMessageIndex,lastReadTimestamp'],
    ['back', 'dateUpdated,lastReadMessageIndex,lastReadTimestamp'],
    ['unread', 'dateUpdated,lastReadMessageIndex,lastReadTimestamp'],
  ] as const) {
    await change(step)
    await logged(alice, `alice updated ${reasons}`)
    await logged(bob, `alice updated ${reasons}`)
    expect(await read(bob)).toEqual(await read(alice))
    if (step === 'advance') {
      const { lastReadMessageIndex, lastReadTimestamp, dateUpdated } = await read(bob)
      expect(lastReadMessageIndex).toBe(7)
      expect(lastReadTimestamp).toBe(dateUpdated)
    }
  }
  await change('same')
  await change('role')
  await alice.evaluate(() => me.conversation.updateFriendlyName('after all that'))
  await bob.waitForFunction(() => me.conversation.friendlyName === 'after all that')
  expect(await bob.evaluate(() => me.log)).toEqual([])
  expect(await read(bob)).toMatchObject({
    attributes: { nick: 'Ali', tags: [1] },
    roleSid: 'RL1',
    lastReadMessageIndex: null,
  })
})

test('a merge of two records tells dateCreated and attributes', async () => {
  const { alice, bob } = await openBoth()
  for (const page of [alice, bob]) await page.evaluate(() => me.client.disconnect())
  await bob.evaluate(() => me.conversation.add('carol', { from: 'bob' }))
  await alice.evaluate(() => me.conversation.add('carol', { by: 'alice' }))
  for (const page of [alice, bob]) await page.evaluate(() => me.follow('carol'))
  for (const page of [alice, bob]) await page.evaluate(() => me.client.connect())
  await logged(alice, 'carol updated attributes,dateCreated')
  expect(await read(alice, 'carol')).toMatchObject({ attributes: { from: 'bob', by: 'alice' } })
  await bob.waitForFunction(
    async () =>
      Object.keys((await me.conversation.getParticipantByIdentity('carol'))?.attributes as object)
        .length === 2,
  )
  expect(await read(bob, 'carol')).toEqual(await read(alice, 'carol'))
})

test('typing is seen by others, by a late joiner too, and ends by itself', async () => {
  const { alice, bob } = await openBoth()
  await alice.evaluate(() => me.conversation.typing())
  await logged(bob, 'alice typingStarted')
  expect((await read(bob)).isTyping).toBe(true)
  expect((await read(alice)).isTyping).toBe(false)
  await bob.reload()
  await becomePerson(bob, 'bob', await alice.evaluate(() => me.url))
  await bob.evaluate(() => me.follow('alice'))
  await bob.waitForFunction(
    async () => (await me.conversation.getParticipantByIdentity('alice'))?.isTyping,
  )
  await logged(bob, 'alice typingEnded')
  expect(await alice.evaluate(() => me.log.filter(entry => entry.includes('typing')))).toEqual([])
})

test('somebody who leaves stops typing first, and is gone for both', async () => {
  const { alice, bob } = await openBoth()
  await alice.evaluate(() => me.conversation.typing())
  await logged(bob, 'alice typingStarted')
  await alice.evaluate(() => me.conversation.leave())
  await logged(bob, 'alice typingEnded')
  await logged(bob, 'left alice')
  for (const page of [alice, bob]) {
    expect(
      await page.evaluate(() =>
        me.conversation.getParticipantByIdentity('alice').catch((error: Error) => error.message),
      ),
    ).toBe('Participant with identity alice was not found')
  }
})

test('getUser, remove and participants who are not on chat work for the other side', async () => {
  const { alice, bob } = await openBoth()
  await alice.evaluate(() => me.client.user.updateFriendlyName('Alice A.'))
  await bob.evaluate(async () => {
    const participant = await me.conversation.getParticipantByIdentity('alice')
    const user = await participant?.getUser()
    Object.assign(globalThis, { user, isShared: user === (await me.client.getUser('alice')) })
  })
  await bob.waitForFunction(
    () =>
      (globalThis as never as { user: { friendlyName: string } }).user.friendlyName === 'Alice A.',
  )
  expect(await bob.evaluate(() => (globalThis as never as { isShared: boolean }).isShared)).toBe(
    true,
  )

  await alice.evaluate(() =>
    me.conversation.addNonChatParticipant('+1555', '+49170', { via: 'phone' }),
  )
  await logged(bob, 'joined sms')
  const outcome = await bob.evaluate(async () => {
    const participants = await me.conversation.getParticipants()
    const phone = participants.find(({ type }) => type === 'sms') as Participant
    const error = await phone.getUser().catch((error: Error) => error.message)
    const { bindings, identity, attributes } = phone
    await phone.remove()
    return { error, bindings, identity, attributes }
  })
  expect(outcome).toEqual({
    error: 'Getting User is not supported for this Participant type: sms',
    bindings: { sms: { address: '+49170', proxyAddress: '+1555' } },
    identity: null,
    attributes: { via: 'phone' },
  })
  await logged(alice, 'left sms')
})

import type { WebSocketRoute } from 'playwright-core'
import { expect, test, vi } from 'vitest'
import {
  createStorage,
  openBrowser,
  type Person,
  runDemo,
  startDemoServer,
} from './demo-support.ts'

vi.setConfig({ testTimeout: 120_000 })

const agreed = 'Both ends agree on everything.'
const soon = { timeout: 20_000, interval: 50 }

const textOf = (locator: Person['chip']) => expect.poll(() => locator.textContent(), soon)
const labelsOf = (locator: Person['marks']) =>
  expect.poll(
    () => locator.evaluateAll(all => all.map(one => one.getAttribute('aria-label'))),
    soon,
  )
const textsOf = (locator: Person['items']) => expect.poll(() => locator.allTextContents(), soon)
const presenceOf = (person: Person, identity: string) =>
  expect.poll(() => person.row(identity).getAttribute('data-presence'), soon)

test('two people see each other, and a whole visit leaves no error on the console', async () => {
  const server = await startDemoServer()
  const { openBoth, complaints } = await openBrowser(server.url)
  const { verdict, alice, bob } = await openBoth()
  for (const person of [alice, bob]) {
    await presenceOf(person, 'alice').toBe('online')
    await presenceOf(person, 'bob').toBe('online')
  }

  await alice.name.fill('Alicia')
  await alice.choose('rose')
  await alice.send('Hello')
  await bob.status.fill('On my way')
  await textOf(bob.row('alice')).toContain('Alicia')
  await textOf(alice.horizon('bob')).toBe('read up to #0')
  await textOf(alice.row('bob')).toContain('On my way')
  await textOf(verdict).toBe(agreed)
  expect(await alice.read()).toEqual(await bob.read())

  await alice.press('Leave')
  await expect.poll(() => bob.row('alice').count(), soon).toBe(0)
  await alice.press('Join')
  await bob.row('alice').waitFor()
  await textOf(verdict).toBe(agreed)
  expect(complaints).toEqual([])
})

test('what two people change while the network is cut is in both when it heals', async () => {
  const server = await startDemoServer()
  const { openBoth, openPerson, complaints } = await openBrowser(server.url)
  const carol = await openPerson('carol')
  const { verdict, alice, bob } = await openBoth()
  await alice.add('Bread')
  await textsOf(bob.items).toEqual(['Bread'])

  await alice.network.click()
  await textOf(alice.chip).toBe('Network cut')
  await presenceOf(bob, 'alice').toBe('offline')
  await alice.add('Strawberries')
  await alice.status.fill('In a tunnel')
  await bob.add('Lemonade')
  await bob.topic.fill('Picnic')
  await bob.name.fill('Bobby')

  // Carol is there to tell that Bob's changes have left his device.
  await textsOf(carol.items).toEqual(['Bread', 'Lemonade'])
  await textOf(carol.row('bob')).toContain('Bobby')
  expect(await alice.items.allTextContents()).toEqual(['Bread', 'Strawberries'])
  expect(await bob.items.allTextContents()).toEqual(['Bread', 'Lemonade'])
  expect(await alice.topic.inputValue()).toBe('')
  expect(await bob.row('alice').textContent()).not.toContain('In a tunnel')
  await textOf(verdict).toContain('They differ in the topic')

  await alice.network.click()
  await textOf(verdict).toBe(agreed)
  const shown = await alice.read()
  expect(await bob.read()).toEqual(shown)
  expect(shown.items.toSorted()).toEqual(['Bread', 'Lemonade', 'Strawberries'])
  expect(shown.topic).toBe('Picnic')
  expect(shown.people).toEqual(expect.arrayContaining(['AliceIn a tunnel', 'Bobby', 'Carol']))
  await expect.poll(() => carol.read(), soon).toEqual(shown)
  expect(complaints).toEqual([])
})

test('a pane that is reloaded while its network is cut keeps everything, and brings it along later', async () => {
  const server = await startDemoServer()
  const { openBoth, complaints } = await openBrowser(server.url)
  const { verdict, alice, bob } = await openBoth()
  await bob.topic.fill('Picnic')
  await expect.poll(() => alice.topic.inputValue(), soon).toBe('Picnic')

  await alice.network.click()
  await alice.add('Cheese')
  await alice.status.fill('Offline')
  await alice.send('From a tunnel')
  await alice.press('Reload')
  await expect.poll(() => alice.entries('participantUpdated').count(), soon).toBe(0)
  await textOf(alice.entries('opened')).toContain('2 participants')
  await textOf(alice.chip).toBe('Network cut')
  await textsOf(alice.bodies).toEqual(['From a tunnel'])
  await labelsOf(alice.marks).toEqual(['Pending'])
  expect(await alice.topic.inputValue()).toBe('Picnic')
  expect(await alice.status.inputValue()).toBe('Offline')
  expect(await alice.items.allTextContents()).toEqual(['Cheese'])
  // Loading from the device is no news.
  for (const event of ['participantJoined', 'participantUpdated', 'messageAdded', 'updated']) {
    expect(await alice.entries(event).count()).toBe(0)
  }

  await alice.network.click()
  await textsOf(bob.items).toEqual(['Cheese'])
  await textsOf(bob.bodies).toEqual(['From a tunnel'])
  await labelsOf(alice.marks).toEqual(['Sent'])
  await textOf(verdict).toBe(agreed)
  expect(await bob.read()).toEqual(await alice.read())
  expect(complaints).toEqual([])
})

test('typing shows on the other side only, and ends', async () => {
  const server = await startDemoServer()
  const { openBoth, complaints } = await openBrowser(server.url)
  const { alice, bob } = await openBoth()
  await alice.field.pressSequentially('Hello')
  await textOf(bob.typing).toBe('Alice is typing…')
  expect(await alice.typing.textContent()).toBe('')
  expect(await alice.entries('typingStarted').count()).toBe(0)
  await textOf(bob.typing).toBe('')
  expect(await bob.entries('typingEnded').count()).toBe(1)
  expect(await alice.entries('typingEnded').count()).toBe(0)
  expect(complaints).toEqual([])
})

test('tabs of different people work as well, and a tab that is closed is offline', async () => {
  const server = await startDemoServer()
  const { openPerson, complaints } = await openBrowser(server.url)
  const alice = await openPerson('alice')
  const bob = await openPerson('bob')
  await presenceOf(alice, 'bob').toBe('online')
  await bob.add('Plates')
  await textsOf(alice.items).toEqual(['Plates'])
  await alice.status.fill('Here')
  await textOf(bob.row('alice')).toContain('Here')
  await expect.poll(() => bob.read(), soon).toEqual(await alice.read())
  await bob.page.close()
  await presenceOf(alice, 'bob').toBe('offline')
  expect(complaints).toEqual([])
})

test('two tabs of one person share a network that is cut, and stay joined', async () => {
  const server = await startDemoServer()
  const { openPerson, complaints } = await openBrowser(server.url)
  const [one, two] = [await openPerson('alice'), await openPerson('alice')]
  const bob = await openPerson('bob')
  await one.row('bob').waitFor()
  await one.network.click()
  await textOf(two.chip).toBe('Network cut')
  await presenceOf(bob, 'alice').toBe('offline')
  await one.add('Forks')
  await textsOf(two.items).toEqual(['Forks'])
  expect(await bob.items.allTextContents()).toEqual([])
  await two.network.click()
  await textsOf(bob.items).toEqual(['Forks'])
  await textOf(one.chip).toBe('Connected')
  expect(complaints).toEqual([])
})

test('with the server killed both work on, also after a reload, and nothing is lost', async () => {
  const server = await startDemoServer()
  const { openBoth, complaints, context } = await openBrowser(server.url)
  const { page, verdict, alice, bob } = await openBoth()
  // The worker that serves the pages without a server is there for the pages of the next load.
  await page.evaluate(() => navigator.serviceWorker.ready)
  await alice.add('Bread')
  await textsOf(bob.items).toEqual(['Bread'])

  await server.kill()
  await textOf(alice.chip).not.toBe('Connected')
  await textOf(bob.chip).not.toBe('Connected')
  await alice.add('Strawberries')
  await alice.send('Is the server gone?')
  await bob.add('Lemonade')
  await bob.status.fill('Working on')
  await bob.press('Reload')
  await textOf(bob.entries('opened')).toContain('2 participants')
  await textsOf(bob.items).toEqual(['Bread', 'Lemonade'])
  expect(await bob.status.inputValue()).toBe('Working on')

  await server.restart()
  await textOf(verdict).toBe(agreed)
  const shown = await alice.read()
  expect(await bob.read()).toEqual(shown)
  expect(shown.items.toSorted()).toEqual(['Bread', 'Lemonade', 'Strawberries'])
  expect(shown.messages.map(([index, body]) => [index, body])).toEqual([
    ['#0', 'Is the server gone?'],
  ])
  // Who came first is first, and that is either.
  expect(shown.people.toSorted()).toEqual(['Alice', 'BobWorking on'])

  // And the server has it all, on disk: it is killed once more before somebody with nothing comes.
  await server.kill()
  await context.close()
  await server.restart()
  const carol = await (await openBrowser(server.url)).openPerson('carol')
  await textsOf(carol.items).toEqual(shown.items)
  await textOf(carol.row('bob')).toContain('Working on')
  await textsOf(carol.bodies).toEqual(['Is the server gone?'])

  // What a browser says of its own accord when nothing listens.
  const noServer = /^WebSocket connection to|ERR_CONNECTION_REFUSED/
  expect(complaints.filter(complaint => !noServer.test(complaint))).toEqual([])
})

test('storage that fails is a notice, and the conversation goes on', async () => {
  const server = await startDemoServer()
  const { openBoth, complaints } = await openBrowser(server.url)
  const { page, alice, bob } = await openBoth()
  await page.evaluate(async () => {
    const databases = await indexedDB.databases()
    // That of the participants.
    const name = databases
      .map(database => database.name)
      .find(name => name && /alice.*CH\w{32}$/.test(name))
    indexedDB.deleteDatabase(name as string)
  })
  await textOf(alice.notices).toContain('Dismiss')
  await textsOf(alice.entries('error').locator('.subject')).toEqual(['storage: closed'])
  await alice.add('Napkins')
  await textsOf(bob.items).toEqual(['Napkins'])
  await alice.press('Dismiss')
  await textOf(alice.notices).toBe('')
  expect(complaints).toEqual([])
})

test('a server that refuses is a notice with a way to try again', async () => {
  const server = await startDemoServer()
  const { context, openPerson } = await openBrowser(server.url)
  const refusal = { code: 4403, reason: 'not today' }
  const open: WebSocketRoute[] = []
  let isRefusing = false
  await context.routeWebSocket(/./, socket => {
    if (isRefusing) void socket.close(refusal)
    else {
      socket.connectToServer()
      open.push(socket)
    }
  })
  const alice = await openPerson('alice')
  await textOf(alice.chip).toBe('Connected')
  isRefusing = true
  for (const socket of open) await socket.close(refusal)
  await textOf(alice.chip).toBe('Refused')
  await textOf(alice.notices).toContain('not today')
  isRefusing = false
  await alice.press('Try again')
  await textOf(alice.chip).toBe('Connected')
  await textOf(alice.notices).toBe('')
})

test('a write that is forged is refused with a reason, and changes nothing', async () => {
  const server = await startDemoServer()
  const { openBoth } = await openBrowser(server.url)
  const { alice, bob, verdict } = await openBoth()
  await textOf(verdict).toBe(agreed)
  await alice.press('Forge')
  const reasons = alice.entries('writeRefused').locator('.subject')
  await textsOf(reasons).toEqual([expect.stringContaining('alice')])
  await textsOf(bob.entries('participantUpdated').locator('.reason')).toEqual([])
  await textOf(verdict).toBe(agreed)
  await textOf(alice.chip).toBe('Connected')
})

test('on a phone nothing is wider than the screen, however long the texts are', async () => {
  const server = await startDemoServer()
  const { openBoth } = await openBrowser(server.url)
  const { page, alice, bob } = await openBoth()
  await page.setViewportSize({ width: 360, height: 740 })
  await alice.name.fill('Wolfeschlegelsteinhausenbergerdorff')
  await alice.status.fill('A status that goes on for longer than any screen is wide, and then some')
  await alice.add('Donaudampfschifffahrtsgesellschaftskapitän')
  await alice.send(`https://example.org/${'long'.repeat(40)}`)
  await bob.items.waitFor()
  await bob.rows.waitFor()
  await bob.rows.locator('.opener').click()
  await expect.poll(() => bob.read(), soon).toEqual(await alice.read())
  for (const frame of page.frames()) {
    const overflow = await frame.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    expect(overflow).toBe(0)
  }
})

test('a port or a storage that is taken is said in words', async () => {
  const server = await startDemoServer()
  const { port } = new URL(server.url)
  const storage = await createStorage()
  await expect(runDemo({ PORT: port, STORAGE: storage })).rejects.toThrow(`Port ${port} is taken`)
  await expect(runDemo({ PORT: '0', STORAGE: server.storage })).rejects.toThrow(
    `${server.storage} is in use`,
  )
})

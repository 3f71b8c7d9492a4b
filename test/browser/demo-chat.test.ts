import { expect, test, vi } from 'vitest'
import { openBrowser, type Person, startDemoServer } from './demo-support.ts'

vi.setConfig({ testTimeout: 120_000 })

const agreed = 'Both ends agree on everything.'
const soon = { timeout: 20_000, interval: 50 }

const textOf = (locator: Person['chip']) => expect.poll(() => locator.textContent(), soon)
const textsOf = (locator: Person['items']) => expect.poll(() => locator.allTextContents(), soon)
const countOf = (locator: Person['rows']) => expect.poll(() => locator.count(), soon)
const labelsOf = (locator: Person['marks']) =>
  expect.poll(
    () => locator.evaluateAll(all => all.map(one => one.getAttribute('aria-label'))),
    soon,
  )

async function openDemo() {
  const server = await startDemoServer()
  const browser = await openBrowser(server.url)
  const both = await browser.openBoth()
  /** Neither pane has the focus. */
  const lookAway = () => both.page.getByRole('heading', { level: 1 }).click()
  return { server, ...browser, ...both, lookAway }
}

test('what both write while the network is cut is there once, and unread for who did not see it', async () => {
  const { verdict, alice, bob, lookAway, complaints } = await openDemo()
  await alice.send('One')
  await textsOf(bob.bodies).toEqual(['One'])
  await textOf(bob.badge).toBe('1 unread')
  await textOf(bob.title).toBe('Bob1 unread')
  await bob.look()
  await textOf(bob.badge).toBe('')
  await textOf(bob.title).toBe('Bob')
  await alice.message('One').locator('.read-by .avatar[data-colour=violet]').waitFor()

  await alice.network.click()
  await textOf(alice.chip).toBe('Network cut')
  await alice.send('Two, from a tunnel')
  await alice.send('Three, from a tunnel')
  await labelsOf(alice.marks).toEqual(['Sent', 'Pending', 'Pending'])
  await textsOf(alice.indices).toEqual(['#0', '', ''])
  await bob.send('Where are you?')
  await bob.send('Alice?')
  await labelsOf(bob.marks).toEqual(['Sent', 'Sent'])
  await textsOf(bob.bodies).toEqual(['One', 'Where are you?', 'Alice?'])
  expect(await alice.bodies.allTextContents()).toHaveLength(3)
  await textOf(verdict).toContain('They differ in the last messages')

  await lookAway()
  await alice.network.dispatchEvent('click')
  const bodies = ['One', 'Where are you?', 'Alice?', 'Two, from a tunnel', 'Three, from a tunnel']
  for (const person of [alice, bob]) {
    await textsOf(person.bodies).toEqual(bodies)
    await textsOf(person.indices).toEqual(['#0', '#1', '#2', '#3', '#4'])
  }
  await labelsOf(alice.marks).toEqual(['Sent', 'Sent', 'Sent'])
  await textOf(alice.badge).toBe('2 unread')
  await textOf(bob.badge).toBe('2 unread')
  await textsOf(alice.firstNew).toEqual(['Where are you?'])
  await textsOf(bob.firstNew).toEqual(['Two, from a tunnel'])
  await textOf(verdict).toBe(agreed)

  // What one reads, the other has not.
  await bob.look()
  await textOf(bob.badge).toBe('')
  await textOf(alice.horizon('bob')).toBe('read up to #4')
  await alice
    .message('Three, from a tunnel')
    .locator('.read-by .avatar[data-colour=violet]')
    .waitFor()
  expect(await alice.badge.textContent()).toBe('2 unread')
  await alice.look()
  await textOf(alice.badge).toBe('')
  await textOf(verdict).toBe(agreed)
  expect(await alice.read()).toEqual(await bob.read())
  expect(complaints).toEqual([])
})

test('what is written offline is pending after a reload, and arrives once', async () => {
  const { verdict, alice, bob, complaints } = await openDemo()
  await bob.send('Before')
  await textsOf(alice.bodies).toEqual(['Before'])
  await alice.network.click()
  await alice.send('Offline')
  await alice.edit('Offline', 'Offline, and changed')
  await alice.react('Before', '👍')
  await alice.press('Reload')
  await textsOf(alice.bodies).toEqual(['Before', 'Offline, and changed'])
  await labelsOf(alice.marks).toEqual(['Pending'])
  expect(await bob.bodies.allTextContents()).toEqual(['Before'])

  await alice.network.click()
  await textsOf(bob.bodies).toEqual(['Before', 'Offline, and changed'])
  await textsOf(bob.message('Before').locator('[data-reaction]')).toEqual(['👍 1'])
  await labelsOf(alice.marks).toEqual(['Sent'])
  await textOf(verdict).toBe(agreed)
  expect(await alice.read()).toEqual(await bob.read())
  expect(complaints).toEqual([])
})

test('messages are edited, removed and reacted to on both sides, and reactions of both stay', async () => {
  const { verdict, alice, bob, complaints } = await openDemo()
  await alice.send('Saturday?')
  await alice.send('Forget it')
  await textsOf(bob.bodies).toEqual(['Saturday?', 'Forget it'])
  expect(await bob.message('Saturday?').getByRole('button', { name: 'Edit' }).count()).toBe(0)

  await alice.network.click()
  await alice.react('Saturday?', '👍')
  await alice.edit('Saturday?', 'Saturday or Sunday?')
  await alice.remove('Forget it')
  await textsOf(alice.bodies).toEqual(['Saturday or Sunday?'])
  await bob.react('Saturday?', '👍')
  await bob.react('Saturday?', '🎉')
  await textsOf(bob.message('Saturday?').locator('[data-reaction]')).toEqual(['👍 1', '🎉 1'])
  expect(await bob.bodies.allTextContents()).toEqual(['Saturday?', 'Forget it'])

  await alice.network.click()
  for (const person of [alice, bob]) {
    await textsOf(person.bodies).toEqual(['Saturday or Sunday?'])
    await person.rows.locator('.edited:visible').waitFor()
    const reactions = person.rows.locator('[data-reaction]')
    await expect
      .poll(async () => (await reactions.allTextContents()).toSorted(), soon)
      .toEqual(['🎉 1', '👍 2'])
  }
  // Pressing it again takes back one's own.
  await bob.rows.locator('[data-reaction="👍"]').click()
  await textOf(alice.rows.locator('[data-reaction="👍"]')).toBe('👍 1')
  await textOf(verdict).toBe(agreed)
  expect(complaints).toEqual([])
})

test('what is marked as unread stays so until somebody reads on', async () => {
  const { page, alice, bob, lookAway, openPerson, complaints } = await openDemo()
  const carol = await openPerson('carol')
  // Nothing is drawn in a tab that is not in front, and so nothing is seen.
  await page.bringToFront()
  for (const text of ['One', 'Two', 'Three']) await alice.send(text)
  await countOf(bob.rows).toBe(3)
  // Nobody looks at Bob's pane.
  await textOf(bob.badge).toBe('3 unread')
  await textOf(alice.horizon('bob')).toBe('nothing read')
  await bob.look()
  await textOf(bob.badge).toBe('')
  await textOf(alice.horizon('bob')).toBe('read up to #2')

  await bob.markUnread('Two')
  await textOf(bob.badge).toBe('2 unread')
  await textsOf(bob.firstNew).toEqual(['Two'])
  await textOf(alice.horizon('bob')).toBe('read up to #0')
  // Bob still looks at it, and sees what comes.
  await carol.field.fill('Four')
  await carol.field.press('Enter')
  await bob.message('Four').waitFor()
  await textOf(bob.badge).toBe('3 unread')
  expect(await alice.horizon('bob').textContent()).toBe('read up to #0')
  await lookAway()
  await bob.look()
  await textOf(bob.badge).toBe('')
  await textOf(alice.horizon('bob')).toBe('read up to #3')

  await bob.markUnread('One')
  await textOf(bob.badge).toBe('4 unread')
  await textOf(alice.horizon('bob')).toBe('nothing read')
  await bob.press('Read on')
  await textOf(bob.badge).toBe('')
  await bob.markUnread('Three')
  await bob.press('Mark all read')
  await textOf(bob.badge).toBe('')
  expect(complaints).toEqual([])
})

test('a long history is fetched as it is scrolled to, and what is in sight stays where it is', async () => {
  const { verdict, alice, bob, complaints } = await openDemo()
  await bob.send('The first one')
  await textsOf(alice.bodies).toEqual(['The first one'])
  await alice.press('Send 1,000')
  await textOf(bob.badge).toBe('1,000 unread')
  await textOf(alice.rows.last().locator('.body')).toContain('1000 of 1000')
  await textOf(alice.indices.last()).toBe('#1000')
  await textOf(verdict).toBe(agreed)
  expect(await alice.rows.count()).toBeLessThanOrEqual(160)

  // Only what was on screen is read, up to the first one that was not.
  await textOf(bob.rows.last().locator('.body')).toContain('1000 of 1000')
  await bob.look()
  expect(await bob.badge.textContent()).toBe('1,000 unread')
  await bob.press('First unread')
  await textsOf(bob.firstNew).toEqual([expect.stringContaining('1 of 1000')])
  const unread = async () =>
    Number.parseInt((await bob.badge.textContent())?.replace(',', '') ?? '', 10)
  await expect.poll(unread, soon).toBeLessThan(1000)
  expect(await unread()).toBeGreaterThan(950)
  await bob.press('Reload')
  await textsOf(bob.firstNew).toEqual([expect.stringMatching(/^\d+ of 1000/)])
  expect(await unread()).toBeGreaterThan(900)
  await bob.press('Mark all read')
  await textOf(bob.badge).toBe('')
  await textOf(alice.horizon('bob')).toBe('read up to #1000')

  await alice.press('Reload')
  await textOf(alice.rows.last().locator('.body')).toContain('1000 of 1000')
  const firstIndex = async () => Number((await alice.indices.first().textContent())?.slice(1))
  let first = await firstIndex()
  expect(first).toBeGreaterThan(900)
  while (first > 0) {
    const before = await scrollToTop(alice)
    await expect.poll(firstIndex, soon).toBeLessThan(first)
    // Right after it came, before anybody scrolls again.
    expect(Math.abs((await topOf(alice, before.sid)) - before.top)).toBeLessThanOrEqual(2)
    first = await firstIndex()
    expect(await alice.rows.count()).toBeLessThanOrEqual(160)
  }
  await alice.scroller.getByText('This is the beginning of the conversation.').waitFor()
  expect(await alice.bodies.first().textContent()).toBe('The first one')
  await alice.press('Latest')
  await textOf(alice.rows.last().locator('.body')).toContain('1000 of 1000')
  expect(complaints).toEqual([])
})

/** Scrolls to what is the top now; resolves to the message there. */
function scrollToTop({ scroller }: Person): Promise<{ sid: string; top: number }> {
  return scroller.evaluate(element => {
    element.scrollTop = 0
    const row = element.querySelector('.message') as HTMLElement
    return { sid: row.dataset.sid as string, top: row.getBoundingClientRect().top }
  })
}

function topOf({ scroller }: Person, sid: string): Promise<number> {
  return scroller.evaluate((element, sid) => {
    const row = element.querySelector(`[data-sid=${sid}]`)
    return row?.getBoundingClientRect().top ?? Number.NaN
  }, sid)
}

test('two who send a thousand at once get them all in one order', async () => {
  const { verdict, alice, bob, lookAway, complaints } = await openDemo()
  await lookAway()
  await Promise.all([alice, bob].map(({ burst }) => burst.dispatchEvent('click')))
  for (const person of [alice, bob]) {
    await textOf(person.indices.last()).toBe('#1999')
    await textOf(person.badge).toBe('1,000 unread')
    expect(await person.typing.textContent()).toBe('')
  }
  await textOf(verdict).toBe(agreed)
  expect(await alice.read()).toEqual(await bob.read())
  expect(complaints).toEqual([])
})

test('earlier messages that are not on the device come when there is a network', async () => {
  const server = await startDemoServer()
  const { openPerson, complaints } = await openBrowser(server.url)
  const alice = await openPerson('alice')
  for (const last of ['#999', '#1999', '#2999']) {
    await alice.burst.click()
    await textOf(alice.indices.last()).toBe(last)
  }
  await alice.page.close()

  // She gets what is new, not all there was.
  const carol = await openPerson('carol')
  await textOf(carol.indices.last()).toBe('#2999')
  await carol.network.click()
  const missing = carol.scroller.getByText('Earlier messages are not on this device.')
  const scrollUp = async () => {
    await scrollToTop(carol)
    return missing.isVisible()
  }
  await expect.poll(scrollUp, { ...soon, timeout: 60_000 }).toBe(true)
  await textOf(carol.indices.first()).toBe('#2000')
  await carol.network.click()
  await textOf(carol.indices.first()).toBe('#1960')
  expect(await missing.isVisible()).toBe(false)
  expect(complaints).toEqual([])
})

test('a file is shown to the other side, once there is a network', async () => {
  const { alice, bob, complaints } = await openDemo()
  await alice.network.click()
  await alice.file.setInputFiles({
    name: 'dot.png',
    mimeType: 'image/png',
    buffer: Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    ),
  })
  await alice.send('A dot')
  const shown = (person: Person) =>
    person
      .message('A dot')
      .getByAltText('dot.png')
      .evaluateAll(images => images.map(image => (image as HTMLImageElement).naturalWidth))
  await expect.poll(() => shown(alice), soon).toEqual([1])
  await alice.network.click()
  await expect.poll(() => shown(bob), soon).toEqual([1])
  // The message may be there first.
  expect(complaints.filter(complaint => !complaint.includes('404'))).toEqual([])
})

test('days are told apart, and texts are never taken for markup', async () => {
  const { context, alice, bob, complaints } = await openDemo()
  await context.clock.setFixedTime(Date.now() - 24 * 3_600_000)
  await alice.send('<img src="/nowhere" onerror="throw 1"> <b>Bold</b>')
  await context.clock.setFixedTime(Date.now())
  await alice.send('The day after')
  await textsOf(bob.bodies).toEqual([
    '<img src="/nowhere" onerror="throw 1"> <b>Bold</b>',
    'The day after',
  ])
  await textsOf(bob.rows.locator('.day:visible')).toEqual(['Yesterday', 'Today'])
  expect(await bob.rows.locator('img, b').count()).toBe(0)
  expect(complaints).toEqual([])
})

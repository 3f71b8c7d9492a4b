import { describe, expect, it } from 'vitest'
import { memoryMedia } from '../../../src/sync/media/memory-media.ts'
import { chat } from '../../support/chat.ts'

const text = async (blob: Blob | undefined) => blob && (await blob.text())

async function two(limits = {}) {
  const remote = memoryMedia()
  const media = () => ({ local: memoryMedia(), remote })
  const world = await chat({
    alice: { media: media(), limits },
    bob: { media: media(), sequencer: true },
  })
  return { ...world, remote }
}

describe('attachments', () => {
  it('go with a message, and come to others with the names of the SDK', async () => {
    const { alice, bob, network } = await two()
    const { conversation } = alice
    await conversation.sendMessage(
      { contentType: 'text/plain', filename: 'a.txt', media: 'content' },
      { caption: 1 },
    )
    await network.settle()
    const [message] = await bob.messages()
    expect(message).toMatchObject({ body: null, type: 'media', attributes: { caption: 1 } })
    const [media, ...others] = message?.attachedMedia ?? []
    expect(others).toEqual([])
    expect(media).toMatchObject({
      filename: 'a.txt',
      contentType: 'text/plain',
      size: 7,
      category: 'media',
    })
    expect(media?.sid).toMatch(/^ME[0-9a-f]{32}$/)
    expect(message?.media).toBe(media)
    expect(message?.attachedMedia[0]).toBe(media)
    expect(await text(await media?.getBlob())).toBe('content')
    const [own] = await alice.messages()
    expect(own?.attachedMedia[0]?.sid).toBe(media?.sid)
  })

  it('may be several, with a body and a subject, in their order', async () => {
    const { alice, bob, network } = await two()
    const form = new FormData()
    form.set('file', new File(['three'], 'c.png', { type: 'image/png' }))
    await alice.conversation
      .prepareMessage()
      .setBody('see')
      .setSubject('files')
      .setAttributes({ n: 3 })
      .addMedia({ contentType: null, media: new Blob(['one'], { type: 'image/gif' }) })
      .addMedia({ contentType: 'x/y', filename: 'b', media: new Uint8Array([116, 119, 111]) })
      .addMedia(form)
      .buildAndSend()
    await network.settle()
    const [message] = await bob.messages()
    expect(message).toMatchObject({ body: 'see', subject: 'files', attributes: { n: 3 } })
    const media = message?.attachedMedia ?? []
    expect(media.map(({ filename, contentType }) => [filename, contentType])).toEqual([
      [null, 'image/gif'],
      ['b', 'x/y'],
      ['c.png', 'image/png'],
    ])
    expect(await Promise.all(media.map(async one => text(await one.getBlob())))).toEqual([
      'one',
      'two',
      'three',
    ])
    expect(new Set(media.map(({ sid }) => sid)).size).toBe(3)
  })

  it('may be the same content twice, and what is prepared may be sent twice', async () => {
    const { alice, bob, network } = await two()
    const media = { contentType: 'text/plain', media: 'same' }
    const unsent = alice.conversation.prepareMessage().addMedia(media).addMedia(media).build()
    expect(await unsent.send()).toBe(0)
    expect(await unsent.send()).toBe(1)
    await network.settle()
    const messages = await bob.messages()
    expect(messages.map(({ attachedMedia }) => attachedMedia.length)).toEqual([2, 2])
    expect(new Set(messages.flatMap(one => one.attachedMedia.map(({ sid }) => sid))).size).toBe(4)
  })

  it('that are sent offline are here, and come to others when there is a network', async () => {
    const { alice, bob, network, remote } = await two()
    alice.device.client.disconnect()
    await alice.conversation.sendMessage({ contentType: 'text/plain', media: 'offline' })
    const [message] = await alice.messages()
    expect(await text(await message?.attachedMedia[0]?.getBlob())).toBe('offline')
    expect(await bob.messages()).toEqual([])
    alice.device.client.connect()
    await network.settle()
    const [there] = await bob.messages()
    expect(await text(await there?.attachedMedia[0]?.getBlob())).toBe('offline')
    expect(remote).toBeDefined()
  })

  it('never lie in the documents', async () => {
    const { alice, network } = await two()
    const media = 'needle'.repeat(20_000)
    await alice.conversation.sendMessage({ contentType: 'text/plain', media })
    await network.settle()
    for (const name of ['', '/o', '/m/0']) {
      const doc = alice.device.doc(alice.conversation.sid + name)
      expect(JSON.stringify(doc.toJSON())).not.toContain('needle')
    }
  })

  it('are gone with a message that is removed', async () => {
    const { alice, bob, network } = await two()
    await alice.conversation.sendMessage({ contentType: 'text/plain', media: 'x' })
    await network.settle()
    const [message] = await bob.messages()
    await (await alice.messages())[0]?.remove()
    await network.settle()
    expect(message?.attachedMedia).toEqual([])
    expect(message?.media).toBeNull()
  })

  it.each([
    ['too large', { contentType: null, media: 'x'.repeat(11) }, 'too-large'],
    ['nothing', { contentType: null, media: null }, 'invalid-argument'],
    ['of no content', { contentType: null, media: '' }, 'invalid-argument'],
    ['no content', { contentType: 'a/b', media: 5 }, 'invalid-argument'],
    ['of a type that is none', { contentType: 5, media: 'x' }, 'invalid-argument'],
    ['of a name that is none', { contentType: null, media: 'x', filename: 5 }, 'invalid-argument'],
    ['of a long name', { contentType: null, media: 'x', filename: 'x'.repeat(257) }, 'too-large'],
    ['a form without a file', new FormData(), 'invalid-argument'],
  ] as const)('that are %s are refused, and nothing is sent', async (_, media, code) => {
    const { alice, remote } = await two({ mediaBytes: 10 })
    const { conversation } = alice
    await expect(conversation.sendMessage(media as never)).rejects.toMatchObject({ code })
    const prepared = conversation.prepareMessage().setBody('x')
    prepared.addMedia({ contentType: null, media: 'fine' }).addMedia(media as never)
    await expect(prepared.buildAndSend()).rejects.toMatchObject({ code })
    expect(await conversation.getMessagesCount()).toBe(0)
    expect(remote).toBeDefined()
    await conversation.sendMessage({ contentType: null, media: 'x'.repeat(10) })
    expect(await conversation.getMessagesCount()).toBe(1)
  })
})

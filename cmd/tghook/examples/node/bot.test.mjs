/** Tests the bot from end to end: node --test. tghook must be on the PATH, or in $TGHOOK. */
import assert from 'node:assert/strict'
import {after, before, beforeEach, test} from 'node:test'
import {fileURLToPath} from 'node:url'

import {Desk} from './tghook-dev.mjs'

let desk, bot, chat

before(async () => {
  desk = await Desk.start([process.execPath, fileURLToPath(new URL('bot.mjs', import.meta.url))])
  bot = await desk.bot()
})
after(() => desk?.close())

let users = 0
beforeEach(async () => {
  chat = bot.chat(await desk.user(`Guest${++users}`))
})

test('it greets', async () => {
  await chat.send('/start')
  await chat.expect(`Hello, ${chat.user.name}!`)
})

test('it takes an order', async () => {
  await chat.send('/start')
  const menu = await chat.expect({contains: 'Hello'})
  await menu.press('Tea', {answer: 'One tea, please!'})
  const order = await chat.expect('One tea is on its way.')
  assert.equal(order.id, menu.id, 'the menu becomes the order')
})

test('it likes pictures', async () => {
  await chat.sendPhoto(Buffer.from('not really a JPEG'), {caption: 'Look!'})
  await chat.expect('A picture of 17 bytes. Lovely!')
})

test('it waits when there are too many calls', async () => {
  await bot.fault({error: {code: 429, retry_after: 1}, match: {method: 'sendMessage', chat: chat.id}})
  await chat.send('/start')
  await bot.expectCall('sendMessage', {error: 'Too Many Requests: retry after 1'})
  await chat.expect({contains: 'Hello'})
})

test('it goes on when a user has blocked it', async () => {
  await bot.fault({scenario: 'blocked', match: {chat: chat.id}})
  await chat.send('/start')
  await bot.expectCall('sendMessage', {error: 'Forbidden: bot was blocked by the user'})
  await chat.send('/start')
  await chat.expect({contains: 'Hello'})
  assert.equal((await desk.call('GET', '/api/child')).restarts, 0, 'tghook had to start the bot again')
})

test('it is silent otherwise', async () => {
  await chat.send('How are you?')
  await bot.idle()
  await assert.rejects(chat.expect('Fine, thank you.', {timeout: '50ms'}), /it said nothing in this chat/)
})

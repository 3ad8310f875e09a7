/**
 * Test a Telegram bot from end to end, with the Telegram of `tghook dev`.
 *
 * This file is the whole client. It needs Node 20 and nothing else: copy it next to your tests.
 *
 *     const desk = await Desk.start(['node', 'bot.mjs'])
 *     const bot = await desk.bot()
 *     const chat = bot.chat(await desk.user('Zoë'))
 *     await chat.send('/start')
 *     const menu = await chat.expect('Hello, Zoë!')
 *     await menu.press('Tea')
 *     await chat.expect('One tea is on its way.')
 *     await desk.close()
 *
 * Desk.start runs `tghook dev` with your bot's command. The bot finds its token and the address of
 * the Bot API in its environment. new Desk('http://127.0.0.1:8081') uses a `tghook dev` that runs already.
 */
import assert from 'node:assert/strict'
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {createInterface} from 'node:readline'
import {setTimeout as sleep} from 'node:timers/promises'

/** What tghook says in place of an answer, such as what the bot did instead. */
export class DeskError extends Error {
  constructor(status, code, message) {
    super(message)
    this.name = 'DeskError'
    this.status = status
    this.code = code
  }
}

/** A Telegram on your desk. */
export class Desk {
  #process

  constructor(url = 'http://127.0.0.1:8081') {
    this.url = url.replace(/\/+$/, '')
  }

  /** Starts `tghook dev` at a free port, and the bot by its command. End it with close(). */
  static async start(command = [], {flags = [], tghook = process.env.TGHOOK || 'tghook'} = {}) {
    const args = ['dev', '--listen', '127.0.0.1:0', '--json', '--no-watch', ...flags]
    if (command.length > 0) args.push('--', ...command)
    const started = spawn(tghook, args, {stdio: ['ignore', 'pipe', 'inherit']})
    const lines = createInterface({input: started.stdout})
    const first = await new Promise((resolve, reject) => {
      started.once('error', reject)
      lines.once('line', resolve)
      lines.once('close', () => reject(new Error('tghook dev did not start: see what it has printed above')))
    })
    const desk = new Desk(JSON.parse(first).bot_api)
    desk.#process = started
    return desk
  }

  /** Ends the `tghook dev` that start has started, and the bot with it. */
  async close() {
    const started = this.#process
    if (!started || started.exitCode !== null || started.signalCode !== null) return
    started.kill('SIGTERM')
    await once(started, 'close')
  }

  /** Calls the control API. files are [name, content, type]; with them the body goes as a form. */
  async call(method, path, body, files = []) {
    const init = {method}
    if (files.length > 0) {
      init.body = new FormData()
      for (const [name, value] of Object.entries(body ?? {})) init.body.append(name, typeof value === 'string' ? value : JSON.stringify(value))
      for (const [name, content, type] of files) init.body.append('file', new Blob([content], {type}), name)
    } else if (method !== 'GET') {
      init.headers = {'Content-Type': 'application/json'}
      init.body = JSON.stringify(body ?? {})
    }
    const answer = await fetch(this.url + path, init)
    const text = await answer.text()
    if (answer.ok) return text.trim() ? JSON.parse(text) : undefined
    let error = {code: 'unknown', message: text}
    try {
      error = JSON.parse(text).error
    } catch {
      // it is no JSON: the text says what there is to say
    }
    throw new DeskError(answer.status, error.code, error.message)
  }

  /** Makes a user. about may have username, language, premium and id. */
  async user(name, about = {}) {
    return new User(this, await this.call('POST', '/api/users', {name, ...about}))
  }

  /** Returns the bot, as soon as it asks for updates. */
  async bot({timeout = 60_000} = {}) {
    for (const late = Date.now() + timeout; ;) {
      const bots = await this.call('GET', '/api/bots')
      const ready = bots.find(bot => bot.polling || bot.webhook?.url)
      if (ready) return new Bot(this, ready, (await this.call('GET', '/api/state')).seq)
      if (Date.now() > late) throw new DeskError(0, 'no_bot', `no bot has asked for updates within ${timeout} ms; does it read the address of the Bot API from its environment?`)
      await sleep(50)
    }
  }

  /** Lets time jump ahead, by a duration such as 1h30m. */
  advance(duration) {
    return this.call('POST', '/api/time', {advance: duration})
  }

  /** Forgets chats, users, updates and faults. */
  reset() {
    return this.call('POST', '/api/reset')
  }
}

/** A person who uses the bot. */
export class User {
  constructor(desk, about) {
    Object.assign(this, {desk, id: about.id, name: about.name, about})
  }
}

/** A bot at the desk. */
export class Bot {
  #begun
  #taken = new Set()

  constructor(desk, about, seq) {
    Object.assign(this, {desk, id: about.id, username: about.username, about, path: `/api/bots/${about.id}`})
    this.#begun = seq
  }

  /** Returns the private chat of a user with the bot. */
  chat(user) {
    return new Chat(this, user, user.id)
  }

  /** Makes a group, and returns its chat as the owner sees it. kind is group, basic_group, forum or channel. */
  async group(title, owner, {kind = 'group', members = [], bot = 'administrator'} = {}) {
    const made = await this.desk.call('POST', this.path + '/chats', {type: kind, title, as: owner.id, members: members.map(m => m.id), bot})
    return new Chat(this, owner, made.id)
  }

  /** Types the query after the bot's name, and waits for the results. With {wait: null} it does not wait. */
  async inline(user, query, {wait = '10s'} = {}) {
    return new Inline(this, user, await this.desk.call('POST', this.path + '/inline', {as: user.id, query, ...(wait ? {wait} : {})}))
  }

  block(user) {
    return this.desk.call('POST', `${this.path}/users/${user.id}/block`)
  }

  unblock(user) {
    return this.desk.call('POST', `${this.path}/users/${user.id}/unblock`)
  }

  /** Gives the bot an update that no act of a user makes. */
  deliver(update) {
    return this.desk.call('POST', this.path + '/updates', {update})
  }

  /** Sets a fault, such as {scenario: 'flood'} or {error: {code: 502}}. It happens once, or as often as times says. */
  fault(fault) {
    return this.desk.call('POST', this.path + '/faults', {times: 1, ...fault})
  }

  /** Waits for a call of the method, and returns its row. It returns each call once. With error it waits for a call that has failed so. */
  async expectCall(method, {error, timeout = '10s'} = {}) {
    for (;;) {
      const {row} = await this.wait({method, timeout})
      if (error === undefined || row.error === error) return row
    }
  }

  /** Waits until the bot has nothing more to do. */
  idle({timeout = '10s'} = {}) {
    return this.wait({kind: 'idle', timeout})
  }

  /** Waits until the bot does something: see POST /api/bots/{bot}/wait. It returns nothing twice. */
  async wait(what) {
    for (let after = what.after ?? this.#begun; ;) {
      const found = await this.desk.call('POST', this.path + '/wait', {...what, after})
      if (what.kind === 'idle' || !this.#taken.has(found.seq)) {
        this.#taken.add(found.seq)
        return found
      }
      after = found.seq
    }
  }
}

/** A chat in which one user acts. */
export class Chat {
  constructor(bot, user, id, thread) {
    Object.assign(this, {bot, user, id, thread, desk: bot.desk, path: `${bot.path}/chats/${id}`})
  }

  /**
   * Waits until the bot sends or edits a message with this text, and returns the message. It returns each
   * message and each edit once, in any order. In place of a text, {contains} and {matches} look for a part.
   */
  async expect(text, {timeout = '10s'} = {}) {
    const what = typeof text === 'string' ? {text} : text
    return new Message(this, (await this.bot.wait({chat: this.id, timeout, ...what})).message)
  }

  /** Waits until the bot shows a draft with this text, and returns the draft. */
  async expectDraft(text, {timeout = '10s'} = {}) {
    return new Draft(this, (await this.bot.wait({chat: this.id, kind: 'draft', text, timeout})).event)
  }

  /** Returns a message that another user of the chat has, as this user has it. */
  see(message) {
    return new Message(this, message.raw)
  }

  /** Sends a text. */
  async send(text, {replyTo} = {}) {
    return (await this.#send({text, reply_to: replyTo?.id}))[0]
  }

  /** Sends a file. kind is photo, document, video, animation, audio, voice, video_note or sticker. */
  async sendFile(kind, name, content, about = {}) {
    return (await this.#send({kind, ...about}, [[name, content]]))[0]
  }

  sendPhoto(content, about) {
    return this.sendFile('photo', 'photo.jpg', content, about)
  }

  sendDocument(name, content, about) {
    return this.sendFile('document', name, content, about)
  }

  /** Sends pictures as an album. */
  sendAlbum(...photos) {
    return this.#send({kind: 'album'}, photos.map((content, i) => [`photo${i}.jpg`, content, 'image/jpeg']))
  }

  async sendLocation(latitude, longitude) {
    return (await this.#send({kind: 'location', latitude, longitude}))[0]
  }

  async sendVenue(title, address, latitude, longitude) {
    return (await this.#send({kind: 'venue', name: title, address, latitude, longitude}))[0]
  }

  /** Sends the user's own phone number. */
  async sendContact(phone) {
    return (await this.#send({kind: 'contact', phone}))[0]
  }

  async sendPoll(question, ...options) {
    return (await this.#send({kind: 'poll', question, options}))[0]
  }

  async sendDice(emoji = '🎲') {
    return (await this.#send({kind: 'dice', emoji}))[0]
  }

  async sendWebAppData(button, data) {
    return (await this.#send({kind: 'web_app_data', button, data}))[0]
  }

  async #send(body, files) {
    const {messages} = await this.desk.call('POST', this.path + '/messages', defined({as: this.user.id, thread: this.thread, ...body}), files)
    return messages.map(raw => new Message(this, raw))
  }

  /** Makes another user a member, and returns the chat as they see it. */
  async join(user) {
    await this.desk.call('POST', this.path + '/join', {as: user.id})
    return new Chat(this.bot, user, this.id)
  }

  leave() {
    return this.desk.call('POST', this.path + '/leave', {as: this.user.id})
  }

  /** Makes the bot administrator, member or kicked. */
  setBot(status, rights) {
    return this.desk.call('PUT', this.path + '/bot', defined({as: this.user.id, status, rights}))
  }

  /** Opens a topic in a forum, and returns its chat. */
  async openTopic(name) {
    const made = await this.desk.call('POST', this.path + '/topics', {as: this.user.id, name})
    return new Chat(this.bot, this.user, this.id, made.thread_id)
  }

  /** Returns the chat of the newest topic with the name, which the bot may be about to make. */
  async topic(name, {timeout = 10_000} = {}) {
    for (const late = Date.now() + timeout; ;) {
      const found = (await this.state()).topics.findLast(topic => topic.name === name)
      if (found) return new Chat(this.bot, this.user, this.id, found.thread_id)
      if (Date.now() > late) throw new DeskError(0, 'no_topic', `there was no topic ${JSON.stringify(name)} within ${timeout} ms`)
      await sleep(50)
    }
  }

  closeTopic() {
    return this.desk.call('POST', `${this.path}/topics/${this.thread}/close`, {as: this.user.id})
  }

  reopenTopic() {
    return this.desk.call('POST', `${this.path}/topics/${this.thread}/reopen`, {as: this.user.id})
  }

  /** Returns what the user sees of the chat: its keyboard, topics, members and so on. */
  state() {
    return this.desk.call('GET', `${this.path}?as=${this.user.id}`)
  }

  /** Returns the newest messages, oldest first. */
  async messages({limit = 50} = {}) {
    const {messages} = await this.desk.call('GET', `${this.path}/messages?as=${this.user.id}&limit=${limit}`)
    return messages.map(raw => new Message(this, raw))
  }
}

/** A message in a chat. raw is the Bot API's Message. */
export class Message {
  #path

  constructor(chat, raw) {
    Object.assign(this, {chat, raw, id: raw.message_id})
    this.#path = `${chat.path}/messages/${raw.message_id}`
  }

  /** The text, the caption or the poll's question. */
  get text() {
    return this.raw.text ?? this.raw.caption ?? this.raw.poll?.question ?? ''
  }

  /** Presses the button with that text. With answer it waits until the bot answers so by answerCallbackQuery. */
  async press(button, {answer} = {}) {
    const said = await this.#call('POST', '/press', defined({button, wait: answer === undefined ? undefined : '10s'}))
    if (answer !== undefined) {
      assert.ok(said.answered, `the bot did not answer the press of ${JSON.stringify(button)}: ${said.error ?? ''}`)
      assert.equal(said.text ?? '', answer)
    }
    return said
  }

  async edit(text) {
    await this.#call('PATCH', '', {text})
    return this
  }

  delete() {
    return this.chat.desk.call('DELETE', `${this.#path}?as=${this.chat.user.id}`)
  }

  /** Sets the user's reactions. Without emoji it takes them back. */
  react(...emoji) {
    return this.#call('POST', '/reactions', {emoji})
  }

  vote(...options) {
    return this.#call('POST', '/vote', {options})
  }

  /** Pays the invoice, and returns the step: paid or refused, with the text of a refusal in error. */
  pay(order = {}) {
    return this.#call('POST', '/pay', {wait: '10s', ...order})
  }

  #call(method, path, body) {
    return this.chat.desk.call(method, this.#path + path, {as: this.chat.user.id, ...body})
  }
}

/** A message that the bot is still writing. */
export class Draft {
  constructor(chat, event) {
    Object.assign(this, {chat, id: event.object.draft_id, text: event.object.text})
  }

  /** Presses the Stop button. */
  stop() {
    return this.chat.desk.call('POST', `${this.chat.path}/drafts/${this.id}/stop`, {as: this.chat.user.id})
  }
}

/** The results of an inline query. */
export class Inline {
  constructor(bot, user, {id, results}) {
    Object.assign(this, {bot, user, id, results})
  }

  /** Sends the result at the index. */
  choose(index) {
    return this.bot.desk.call('POST', `${this.bot.path}/inline/${this.id}/choose`, {index})
  }
}

/** Leaves out what is undefined. */
function defined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

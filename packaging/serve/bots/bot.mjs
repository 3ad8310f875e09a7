/** A bot for tghook serve: a café. It needs Node alone, and answers by webhook replies. */
import {timingSafeEqual} from 'node:crypto'
import {readFileSync} from 'node:fs'
import {createServer} from 'node:http'

// BOT_SECRET_FILE has what the configuration of tghook has as the secret of this URL.
const secret = Buffer.from(readFileSync(process.env.BOT_SECRET_FILE ?? 'secret', 'utf8').trim())
if (!secret.length) throw new Error('the secret is empty')

const menu = {inline_keyboard: [['Tea', 'Coffee'].map(text => ({text, callback_data: text.toLowerCase()}))]}

/** Returns the call that answers an update, if there is one. */
function answer({message, callback_query: query}) {
  if (message?.text === '/start') {
    return {method: 'sendMessage', chat_id: message.chat.id, text: `Hello, ${message.from.first_name}!`, reply_markup: menu}
  }
  if (message?.text) return {method: 'sendMessage', chat_id: message.chat.id, text: message.text}
  if (query) return {method: 'answerCallbackQuery', callback_query_id: query.id, text: `One ${query.data}, please!`}
}

function fromGateway(request) {
  const given = Buffer.from(request.headers['x-telegram-bot-api-secret-token'] ?? '')
  return given.length === secret.length && timingSafeEqual(given, secret)
}

const server = createServer(async (request, response) => {
  try {
    if (!fromGateway(request)) return response.writeHead(401).end()
    const parts = []
    for await (const part of request) parts.push(part)
    const reply = answer(JSON.parse(Buffer.concat(parts)))
    if (!reply) return response.end()
    response.writeHead(200, {'Content-Type': 'application/json'}).end(JSON.stringify(reply))
  } catch (error) {
    console.error(error)
    response.writeHead(500).end() // the update comes again
  }
})
server.keepAliveTimeout = 75_000 // longer than the gateway keeps a connection

// The handlers that run may end: the gateway waits for their answers.
process.on('SIGTERM', () => server.close())
server.listen(Number(process.env.PORT ?? 9000), process.env.HOST ?? '127.0.0.1', () => {
  console.log(`The bot listens on port ${server.address().port}`)
})

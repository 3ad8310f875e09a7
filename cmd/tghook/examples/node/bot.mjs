/** A small bot: a café that polls for updates. It needs Node alone. */
import {setTimeout as sleep} from 'node:timers/promises'

const api = process.env.TELEGRAM_API_URL ?? 'https://api.telegram.org'
const token = process.env.TELEGRAM_TOKEN
const menu = {inline_keyboard: [['Tea', 'Coffee'].map(text => ({text, callback_data: text.toLowerCase()}))]}

/** An error of the Bot API. */
class Refused extends Error {}

/** Calls the Bot API. When there were too many calls, it waits and calls again. */
async function call(method, params) {
  const answer = await fetch(`${api}/bot${token}/${method}`, {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(params),
  })
  const {ok, result, error_code, description, parameters} = await answer.json()
  if (ok) return result
  if (error_code !== 429) throw new Refused(description)
  await sleep(parameters.retry_after * 1000)
  return call(method, params)
}

async function download(fileID) {
  const {file_path} = await call('getFile', {file_id: fileID})
  const answer = await fetch(`${api}/file/bot${token}/${file_path}`)
  return Buffer.from(await answer.arrayBuffer())
}

async function onMessage({chat, from, photo, text}) {
  if (photo) {
    const picture = await download(photo.at(-1).file_id)
    await call('sendMessage', {chat_id: chat.id, text: `A picture of ${picture.length} bytes. Lovely!`})
  } else if (text === '/start') {
    await call('sendMessage', {chat_id: chat.id, text: `Hello, ${from.first_name}!`, reply_markup: menu})
  }
}

async function onPress({id, data, message}) {
  await call('answerCallbackQuery', {callback_query_id: id, text: `One ${data}, please!`})
  await call('editMessageText', {chat_id: message.chat.id, message_id: message.message_id, text: `One ${data} is on its way.`})
}

for (let offset = 0; ;) {
  for (const update of await call('getUpdates', {offset, timeout: 50})) {
    offset = update.update_id + 1
    try {
      if (update.message) await onMessage(update.message)
      if (update.callback_query) await onPress(update.callback_query)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      console.log('Telegram has refused a call:', error.message)
    }
  }
}

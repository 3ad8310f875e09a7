// The echo bot of ../clients_test.go, with grammY: by webhook on the listener that is
// file 3 if TELEGRAM_WEBHOOK_URL says so, else by long poll.
import { createServer } from "node:http";
import { Bot, InlineKeyboard, InputFile, webhookCallback } from "grammy";

const { TELEGRAM_TOKEN: token, TELEGRAM_API_URL: apiRoot, TELEGRAM_WEBHOOK_URL: url, TELEGRAM_SECRET: secret } = process.env;
const bot = new Bot(token, { client: { apiRoot } });

const download = async (path) => {
  const response = await fetch(`${apiRoot}/file/bot${token}/${path}`);
  if (!response.ok) throw new Error(`the file was answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
};

bot.command("photo", (ctx) => ctx.replyWithPhoto(new InputFile(Buffer.from(process.env.PHOTO, "base64"), "photo.jpg"), { caption: "a photo" }));
bot.on("message:photo", async (ctx) => {
  const photo = await download((await ctx.getFile()).file_path);
  await ctx.reply(`${photo.length} bytes`);
});
bot.on("message:text", (ctx) => ctx.reply(ctx.message.text, { reply_markup: new InlineKeyboard().text("Shout", "shout") }));
bot.on("edited_message:text", (ctx) => ctx.reply(`edited: ${ctx.editedMessage.text}`));
bot.callbackQuery("shout", async (ctx) => {
  await ctx.answerCallbackQuery("Loud enough?");
  await ctx.editMessageText(ctx.callbackQuery.message.text.toUpperCase());
});
bot.on("inline_query", (ctx) =>
  ctx.answerInlineQuery([
    { type: "article", id: "1", title: ctx.inlineQuery.query, input_message_content: { message_text: ctx.inlineQuery.query } },
  ]),
);
bot.catch(({ error }) => console.error(error.message));

let stop = () => bot.stop();
process.once("SIGTERM", () => stop());
if (url) {
  const server = createServer(webhookCallback(bot, "http", { secretToken: secret }));
  server.listen({ fd: 3 }, () => bot.api.setWebhook(url, { secret_token: secret }));
  stop = () => {
    server.close();
    server.closeAllConnections();
  };
} else {
  await bot.start();
}

// The bot of ../clients_test.go with grammY. It is an ordinary webhook bot, which does not know that
// a gateway is in front of it.
import { createServer } from "node:http";
import { Bot, InlineKeyboard, webhookCallback } from "grammy";

const { BOT_TOKEN, BOT_SECRET, TELEGRAM_API_URL, PORT } = process.env;
let asReply = false; // whether the next sendMessage is the webhook reply
const bot = new Bot(BOT_TOKEN, {
  client: { apiRoot: TELEGRAM_API_URL, canUseWebhookReply: (method) => method === "sendMessage" && asReply },
});
await bot.init();

let failed = false;
bot.command("fail", async (ctx) => {
  if (!failed) {
    failed = true;
    throw new Error("this bot fails on purpose");
  }
  await ctx.reply("the second attempt");
});
bot.command("reply", async (ctx) => {
  asReply = true;
  await ctx.reply("a webhook reply");
  asReply = false;
});
bot.command("buy", (ctx) => ctx.replyWithInvoice("Tea", "A cup", "tea", "XTR", [{ label: "Tea", amount: 5 }]));
bot.on("pre_checkout_query", (ctx) => ctx.answerPreCheckoutQuery(true));
bot.on("msg:successful_payment", (ctx) => ctx.reply(`paid ${ctx.msg.successful_payment.total_amount}`));
bot.on("msg:photo", (ctx) => ctx.reply(`a picture of an album: ${ctx.msg.caption ?? "no caption"}`));
bot.on("callback_query:data", async (ctx) => {
  await ctx.answerCallbackQuery("Loud enough?");
  await ctx.editMessageText(ctx.msg.text.toUpperCase());
});
bot.on("msg:text", (ctx) => ctx.reply(ctx.msg.text, { reply_markup: new InlineKeyboard().text("Shout", "shout") }));

const handle = webhookCallback(bot, "http", { secretToken: BOT_SECRET });
const server = createServer((request, response) => handle(request, response).catch(() => response.writeHead(500).end()));
server.keepAliveTimeout = 75_000;
server.listen(Number(PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));

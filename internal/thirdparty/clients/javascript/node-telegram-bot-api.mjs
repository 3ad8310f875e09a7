import { Readable } from "node:stream";
import { Bot, InputFile } from "node-telegram-bot-api";
import { createWebhookServer } from "node-telegram-bot-api/node";
import { allowed, listen, scenario, settings, until } from "./scenario.mjs";

const { token, apiRoot, url, secret } = settings;
const bot = new Bot(token, { apiRoot });
const handle = scenario({
  api: (method, params) => bot.api[method](params),
  bytes: (content, filename) => new InputFile(content, { filename }),
  stream: (content, filename) => new InputFile(Readable.toWeb(content), { filename }),
});
bot.use((ctx) => handle(ctx.update));
bot.catch((error) => console.error(error.message));

if (url) {
  await listen(createWebhookServer(bot, { path: new URL(url).pathname, secretToken: secret }));
  await bot.api.setWebhook({ url, secret_token: secret, allowed_updates: allowed });
} else {
  until.then(() => bot.stop());
  await bot.startPolling(undefined, { allowedUpdates: allowed });
}

import { createServer } from "node:http";
import { Bot, InputFile, webhookCallback } from "grammy";
import { allowed, listen, scenario, settings, until } from "./scenario.mjs";

const { token, apiRoot, url, secret } = settings;
const bot = new Bot(token, { client: { apiRoot } });
const handle = scenario({
  api: (method, params) => bot.api.raw[method](params),
  bytes: (content, name) => new InputFile(content, name),
  stream: (content, name) => new InputFile(content, name),
});
bot.use((ctx) => handle(ctx.update));
bot.catch(({ error }) => console.error(error.message));

if (url) {
  await listen(createServer(webhookCallback(bot, "http", { secretToken: secret })));
  await bot.api.setWebhook(url, { secret_token: secret, allowed_updates: allowed });
} else {
  until.then(() => bot.stop());
  await bot.start({ allowed_updates: allowed });
}

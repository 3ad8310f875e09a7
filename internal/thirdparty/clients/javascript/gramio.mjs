import { createServer } from "node:http";
import { Bot, MediaUpload, webhookHandler } from "gramio";
import { allowed, listen, scenario, settings, until } from "./scenario.mjs";

const { token, apiRoot, url, secret } = settings;
const bot = new Bot(token, { api: { baseURL: `${apiRoot}/bot` } });
const handle = scenario({
  api: (method, params) => bot.api[method](params),
  bytes: (content, name) => MediaUpload.buffer(content, name),
  stream: (content, name) => MediaUpload.stream(content, name),
});
bot.use((ctx) => handle(ctx.update));
bot.onError(({ error }) => console.error(error.message));

if (url) {
  await bot.start({ webhook: { url, secret_token: secret }, allowedUpdates: allowed });
  await listen(createServer(webhookHandler(bot, "http", secret)));
} else {
  await bot.start({ allowedUpdates: allowed });
}
until.then(() => process.exit()); // bot.stop() waits for getUpdates to return

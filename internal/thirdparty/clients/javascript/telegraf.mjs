import { createServer } from "node:http";
import { Telegraf } from "telegraf";
import { allowed, listen, scenario, settings, until } from "./scenario.mjs";

const { token, apiRoot, url, secret } = settings;
const bot = new Telegraf(token, { telegram: { apiRoot } });
const handle = scenario({
  api: (method, params = {}) => bot.telegram.callApi(method, params),
  bytes: (source, filename) => ({ source, filename }),
  stream: (source, filename) => ({ source, filename }),
});
bot.use((ctx) => handle(ctx.update));
bot.catch((error) => console.error(error.message));

if (url) {
  const path = new URL(url).pathname;
  await listen(createServer(bot.webhookCallback(path, { secretToken: secret })));
  await bot.telegram.setWebhook(url, { secret_token: secret, allowed_updates: allowed });
} else {
  until.then(() => bot.stop());
  await bot.launch({ allowedUpdates: allowed });
}

// A server process as ../sockets/serve.go has it, with grammY: it prints its address, and
// serves until its input ends. At each line of that it prints how much it has handled so
// far, how much of that had no update, and the nanoseconds of CPU that it has used. With
// an argument it answers each message.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Bot, webhookCallback } from "grammy";

const secretToken = "bench-secret-0123456789";
const botInfo = { id: 7000000001, is_bot: true, first_name: "Bench", username: "bench_bot" };
const bot = new Bot("7000000001:AAbench_stand_in_token_0123456789ab", {
  botInfo,
  client: { canUseWebhookReply: (method) => method === "sendMessage" },
});
let handled = 0;
let empty = 0;
bot.use((ctx) => {
  handled++;
  if (!ctx.update.update_id) empty++;
  if (process.argv[2]) return ctx.reply("Hello!");
});

const server = createServer(webhookCallback(bot, "http", { secretToken }));
server.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
createInterface({ input: process.stdin })
  .on("line", async () => {
    for (let before = -1; before < handled; await sleep(100)) before = handled;
    const { user, system } = process.cpuUsage();
    console.log(`${handled} ${empty} ${(user + system) * 1000}`);
  })
  .on("close", () => process.exit());

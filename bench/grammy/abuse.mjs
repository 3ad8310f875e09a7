// A receiver's process as ../abuse/serve.go has it, with grammY on node's own server.
// webhookCallback leaves what is thrown to who calls it: nobody, or, if told "caught",
// what stands in for a web framework's error handler. The last argument is what the bot
// does with an update.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Bot, webhookCallback } from "grammy";

const secretToken = "bench-secret-0123456789";
const botInfo = { id: 7000000001, is_bot: true, first_name: "Bench", username: "bench_bot" };
const bot = new Bot("7000000001:AAbench_stand_in_token_0123456789ab", { botInfo });
const behaviour = process.argv.at(-1);
let open;
const gate = new Promise((resolve) => (open = resolve));
let ran = false;
bot.use(async ({ update: { update_id: id } }) => {
  console.log(`+${id}`);
  if (behaviour === "panicked" && id === 1) {
    if (!ran) {
      ran = true;
      throw new Error("as it was told");
    }
  } else if (behaviour !== "quick") {
    await gate;
  }
  console.log(`-${id}`);
});

const hook = webhookCallback(bot, "http", { secretToken });
const caught = (request, response) => hook(request, response).catch(() => response.writeHead(500).end());
const server = createServer(process.argv.includes("caught") ? caught : hook);
server.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
createInterface({ input: process.stdin })
  .on("line", (order) => {
    if (order === "open") open();
    if (order === "stop") server.close(() => process.exit());
  })
  .on("close", () => process.exit(1)); // who told is gone

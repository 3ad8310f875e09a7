// A bot's process as ../poller_test.go has it, with grammY's own poller, or its runner,
// which sequentialize keeps in order.
import { setTimeout as sleep } from "node:timers/promises";
import { run, sequentialize } from "@grammyjs/runner";
import { Bot } from "grammy";

const [how, apiRoot, token, size] = process.argv.slice(2);
const microseconds = () => Date.now() * 1000; // performance's clock is a millisecond ahead of other processes'
const handled = [];
const seen = new Set();

const bot = new Bot(token, { client: { apiRoot } });
if (how === "grammy_runner_sequentialize") bot.use(sequentialize((ctx) => String(ctx.chat?.id)));
bot.use(async ({ update: { update_id: id } }) => {
  const begun = microseconds();
  await sleep(5);
  handled.push({ id, begun, ended: microseconds() });
  seen.add(id);
  if (seen.size === Number(size)) end();
});

const begun = microseconds();
const before = process.cpuUsage();
if (how === "grammy") bot.start();
else run(bot);

function end() {
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(JSON.stringify({ begun, cpu: user + system, handled }), () => process.exit());
}

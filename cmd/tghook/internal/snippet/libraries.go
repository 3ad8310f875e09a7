package snippet

// A library is a Snippet whose code has {url}, {scheme}, {host} and {port} in place of those of
// the Bot API.
type library struct {
	Snippet
	also []string // other names, as plain returns them
}

var libraries = []library{
	{also: []string{"grammyjs"}, Snippet: Snippet{
		Library: "grammy", Language: "TypeScript",
		Code: `const bot = new Bot(token, { client: { apiRoot: "{url}" } });`,
		Note: "The plugin @grammyjs/files downloads by https alone: if the bot uses it, start tghook dev with --https.",
	}},
	{Snippet: Snippet{
		Library: "telegraf", Language: "TypeScript",
		Code: `const bot = new Telegraf(token, { telegram: { apiRoot: "{url}" } });`,
		Note: "By webhook, launch({ webhook: { domain } }) makes an https URL. Serve bot.webhookCallback(path) yourself, and start tghook dev with --webhook.",
	}},
	{also: []string{"ntba"}, Snippet: Snippet{
		Library: "node-telegram-bot-api", Language: "TypeScript",
		Code: `const bot = new Bot(token, { apiRoot: "{url}" });`,
		Note: `In versions before 2: new TelegramBot(token, { polling: true, baseApiUrl: "..." }) with the same address.`,
	}},
	{Snippet: Snippet{
		Library: "gramio", Language: "TypeScript",
		Code: `const bot = new Bot(token, { api: { baseURL: "{url}/bot" } });`,
	}},
	{Snippet: Snippet{
		Library: "puregram", Language: "TypeScript",
		Code: `const telegram = Telegram.fromToken(token, { apiBaseUrl: "{url}/bot" });`,
	}},
	{also: []string{"chat", "vercelchat", "chatadaptertelegram"}, Snippet: Snippet{
		Library: "chat-sdk", Language: "TypeScript",
		Code: `const telegram = createTelegramAdapter({ botToken: token, apiUrl: "{url}" });`,
		Note: "Or set TELEGRAM_API_BASE_URL in the bot's environment.",
	}},
	{also: []string{"ptb"}, Snippet: Snippet{
		Library: "python-telegram-bot", Language: "Python",
		Code: `application = ApplicationBuilder().token(token).base_url("{url}/bot").base_file_url("{url}/file/bot").build()`,
		Note: "In version 13: Updater(token, base_url=..., base_file_url=...) with the same two addresses.",
	}},
	{Snippet: Snippet{
		Library: "aiogram", Language: "Python",
		Code: `from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base("{url}")))`,
	}},
	{also: []string{"telebotpython"}, Snippet: Snippet{
		Library: "pytelegrambotapi", Language: "Python",
		Code: `telebot.apihelper.API_URL = "{url}/bot{0}/{1}"
telebot.apihelper.FILE_URL = "{url}/file/bot{0}/{1}"`,
		Note: "For AsyncTeleBot: telebot.asyncio_helper in place of telebot.apihelper.",
	}},
	{Snippet: Snippet{
		Library: "tghook", Language: "Go",
		Code: `client, err := tghook.NewClient(token, tghook.ClientConfig{BaseURL: "{url}", Local: true})`,
		Note: "For FromEnv, set TELEGRAM_API_URL={url} and TELEGRAM_API_LOCAL=true.",
	}},
	{also: []string{"gotelegrambot"}, Snippet: Snippet{
		Library: "go-telegram", Language: "Go",
		Code: `b, err := bot.New(token, bot.WithServerURL("{url}"))`,
	}},
	{Snippet: Snippet{
		Library: "telego", Language: "Go",
		Code: `bot, err := telego.NewBot(token, telego.WithAPIServer("{url}"))`,
	}},
	{Snippet: Snippet{
		Library: "telebot", Language: "Go",
		Code: `bot, err := telebot.NewBot(telebot.Settings{Token: token, URL: "{url}", Poller: &telebot.LongPoller{Timeout: 10 * time.Second}})`,
	}},
	{Snippet: Snippet{
		Library: "gotgbot", Language: "Go",
		Code: `bot, err := gotgbot.NewBot(token, &gotgbot.BotOpts{BotClient: &gotgbot.BaseBotClient{
	DefaultRequestOpts: &gotgbot.RequestOpts{APIURL: "{url}", Timeout: 10 * time.Second},
}})`,
	}},
	{also: []string{"tgbotapi"}, Snippet: Snippet{
		Library: "go-telegram-bot-api", Language: "Go",
		Code: `bot, err := tgbotapi.NewBotAPIWithAPIEndpoint(token, "{url}/bot%s/%s")`,
	}},
	{Snippet: Snippet{
		Library: "teloxide", Language: "Rust",
		Code: `let bot = Bot::new(token).set_api_url("{url}".parse().unwrap());`,
		Note: "For Bot::from_env, set TELOXIDE_API_URL.",
	}},
	{also: []string{"csharp", "net"}, Snippet: Snippet{
		Library: "telegram.bot", Language: "C#",
		Code: `var bot = new TelegramBotClient(new TelegramBotClientOptions(token, "{url}"));`,
	}},
	{also: []string{"java"}, Snippet: Snippet{
		Library: "telegrambots", Language: "Java",
		Code: `var url = new TelegramUrl("{scheme}", "{host}", {port}, false);
var client = new OkHttpTelegramClient(token, url);
application.registerBot(token, () -> url, new DefaultGetUpdatesGenerator(), consumer);`,
	}},
	{also: []string{"pengrad"}, Snippet: Snippet{
		Library: "java-telegram-bot-api", Language: "Java",
		Code: `var bot = new TelegramBot.Builder(token).apiUrl("{url}/bot").fileApiUrl("{url}/file/bot").build();`,
	}},
	{also: []string{"ruby"}, Snippet: Snippet{
		Library: "telegram-bot-ruby", Language: "Ruby",
		Code: `Telegram::Bot::Client.run(token, url: "{url}") do |bot|`,
	}},
	{Snippet: Snippet{
		Library: "nutgram", Language: "PHP",
		Code: `$bot = new Nutgram($token, new Configuration(apiUrl: "{url}", enableHttp2: false));`,
	}},
	{also: []string{"telegrambotsdk"}, Snippet: Snippet{
		Library: "laravel", Language: "PHP",
		Code: `TELEGRAM_BASE_BOT_URL={url}/bot`,
		Note: "For telegram-bot-sdk: a line of .env, which config/telegram.php reads as base_bot_url.",
	}},
	{also: []string{"symfonynotifier"}, Snippet: Snippet{
		Library: "symfony", Language: "PHP", HTTPSOnly: true,
		Code: `TELEGRAM_DSN=telegram://TOKEN@{host}:{port}?channel=CHAT_ID`,
	}},
}

package spec

// undocumented has members that Telegram's server writes for old clients. The Bot API's
// documentation has them no longer. They are in Client.cpp of tdlib/telegram-bot-api.
var undocumented = map[string][]Member{}

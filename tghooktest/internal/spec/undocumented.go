package spec

// undocumented has members that Telegram's server writes for old clients, though the
// documentation no longer has them. They are in Client.cpp of tdlib/telegram-bot-api.
var undocumented = map[string][]Member{
	"Message": {
		{"forward_from", "User", true},
		{"forward_from_chat", "Chat", true},
		{"forward_from_message_id", "Integer", true},
		{"forward_signature", "String", true},
		{"forward_sender_name", "String", true},
		{"forward_date", "Integer", true},
		{"new_chat_participant", "User", true},
		{"new_chat_member", "User", true},
		{"left_chat_participant", "User", true},
	},
	"BusinessConnection": {{"can_reply", "Boolean", true}},
	"Poll":               {{"correct_option_id", "Integer", true}},
	"Animation":          {thumb},
	"Audio":              {thumb},
	"Document":           {thumb},
	"Sticker":            {thumb},
	"StickerSet":         {thumb},
	"Video":              {thumb},
	"VideoNote":          {thumb},
}

var thumb = Member{"thumb", "PhotoSize", true}

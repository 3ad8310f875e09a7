// Package scenario has the errors that bots get from the Bot API in service, each under a
// name. The words are Telegram's own.
package scenario

import (
	"fmt"
	"slices"
	"time"

	"github.com/tghook/tghook/tghooktest"
)

// Scenario is an error that a bot gets, and the methods that answer with it.
type Scenario struct {
	Name  string
	Title string // for people
	// Advice says what a bot should do about the error.
	Advice string
	// Methods are the methods that Telegram answers with the error. If nil, all.
	Methods []string
	// Fault is what happens to the call.
	Fault tghooktest.CallFault
}

// Fits reports whether Telegram answers the method with the error.
func (s Scenario) Fits(method string) bool {
	return s.Methods == nil && method != poll || slices.Contains(s.Methods, method)
}

// Find returns the scenario with the name.
func Find(name string) (Scenario, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

const poll = "getUpdates"

// Groups of methods.
var (
	texts  = []string{"sendMessage"}
	edits  = []string{"editMessageText", "editMessageCaption", "editMessageMedia", "editMessageReplyMarkup"}
	photos = []string{"sendPhoto"}
	media  = []string{
		"sendPhoto", "sendAudio", "sendDocument", "sendVideo", "sendAnimation", "sendVoice", "sendVideoNote", "sendSticker",
		"sendMediaGroup", "sendPaidMedia", "editMessageMedia",
	}
	captions = []string{
		"sendPhoto", "sendAudio", "sendDocument", "sendVideo", "sendAnimation", "sendVoice", "sendMediaGroup", "copyMessage",
		"editMessageCaption", "editMessageMedia",
	}
	sends = []string{
		"sendMessage", "forwardMessage", "forwardMessages", "copyMessage", "copyMessages", "sendPhoto", "sendLivePhoto", "sendAudio",
		"sendDocument", "sendVideo", "sendAnimation", "sendVoice", "sendVideoNote", "sendPaidMedia", "sendMediaGroup", "sendLocation",
		"sendVenue", "sendContact", "sendPoll", "sendChecklist", "sendDice", "sendSticker", "sendInvoice", "sendGame",
		"sendRichMessage", "sendChatAction",
	}
	// inChat are methods that do something in a chat.
	inChat = slices.Concat(sends, edits, []string{
		"stopPoll", "deleteMessage", "deleteMessages", "setMessageReaction", "getChat", "getChatMember", "getChatAdministrators",
		"getChatMemberCount", "banChatMember", "unbanChatMember", "restrictChatMember", "promoteChatMember", "setChatPermissions",
		"pinChatMessage", "unpinChatMessage", "unpinAllChatMessages", "leaveChat", "setChatTitle", "setChatDescription",
		"setChatPhoto", "deleteChatPhoto", "exportChatInviteLink", "createChatInviteLink", "editChatInviteLink",
		"revokeChatInviteLink", "approveChatJoinRequest", "declineChatJoinRequest", "createForumTopic", "editForumTopic",
		"closeForumTopic", "reopenForumTopic", "deleteForumTopic",
	})
	keyboards = slices.Concat(
		[]string{
			"sendMessage", "sendPhoto", "sendAudio", "sendDocument", "sendVideo", "sendAnimation", "sendVoice", "sendVideoNote",
			"sendLocation", "sendVenue", "sendContact", "sendPoll", "sendDice", "sendSticker", "sendInvoice", "copyMessage",
		}, edits)
	formatted = slices.Concat(texts, captions, []string{"editMessageText", "sendPoll"})
	members   = []string{"banChatMember", "unbanChatMember", "restrictChatMember", "promoteChatMember"}
	threads   = slices.DeleteFunc(slices.Clone(sends), func(m string) bool { return m == "sendChatAction" })
	queries   = []string{"answerCallbackQuery", "answerInlineQuery", "answerPreCheckoutQuery", "answerShippingQuery", "answerWebAppQuery"}
)

// fails returns the fault of a call that Telegram refuses.
func fails(code int, description string) tghooktest.CallFault {
	return tghooktest.CallFault{Err: &tghooktest.CallError{Code: code, Description: description}}
}

// refused returns the fault of a call that Telegram refuses with 400.
func refused(why string) tghooktest.CallFault { return fails(400, "Bad Request: "+why) }

// forbidden returns the fault of a call that Telegram refuses with 403.
func forbidden(why string) tghooktest.CallFault { return fails(403, "Forbidden: "+why) }

func flood(wait time.Duration) tghooktest.CallFault {
	return tghooktest.CallFault{Err: &tghooktest.CallError{
		Code: 429, Description: fmt.Sprintf("Too Many Requests: retry after %d", int(wait/time.Second)), RetryAfter: wait,
	}}
}

// All returns all scenarios.
func All() []Scenario {
	return slices.Concat(people(), chats(), messages(), files(), rights(), requests(), service())
}

// people are errors because of the user that the bot writes to.
func people() []Scenario {
	const stop = "Mark the user as gone, and stop writing to them until they write again."
	return []Scenario{
		{"blocked", "The user has blocked the bot", stop, sends, forbidden("bot was blocked by the user")},
		{"deactivated", "The user's account was deleted", stop, sends, forbidden("user is deactivated")},
		{"not_started", "The user has never written to the bot", "Ask the user to open the bot by a link such as https://t.me/bot?start=x.", sends, forbidden("bot can't initiate conversation with a user")},
		{"to_bot", "The bot writes to a bot", "Keep the ids of bots out of the list of those you write to.", sends, forbidden("bots can't send messages to bots")},
		{"peer_id_invalid", "The bot does not know the user or chat", "Check that the id belongs to somebody who has written to this bot.", inChat, refused("PEER_ID_INVALID")},
		{"user_not_found", "There is no user with the id", "Check user_id: the bot must have met the user.", slices.Concat(members, []string{"getChatMember", "getUserProfilePhotos"}), refused("user not found")},
		{"user_is_bot", "The user is a bot", "Use a user_id of a person.", []string{"createNewStickerSet"}, refused("USER_IS_BOT")},
		{"voice_forbidden", "The user lets nobody send voice messages", "Send the voice as a document or as text.", []string{"sendVoice", "sendVideoNote"}, refused("VOICE_MESSAGES_FORBIDDEN")},
	}
}

// chats are errors because of the chat.
func chats() []Scenario {
	const gone = "Forget the chat, and stop writing to it until the bot is added again."
	return []Scenario{
		{"chat_not_found", "There is no chat with the id", "Check chat_id: a supergroup's begins with -100, and the bot must have been in the chat.", inChat, refused("chat not found")},
		{"kicked", "The bot was removed from the supergroup", gone, inChat, forbidden("bot was kicked from the supergroup chat")},
		{"kicked_from_group", "The bot was removed from the basic group", gone, inChat, forbidden("bot was kicked from the group chat")},
		{"kicked_from_channel", "The bot was removed from the channel", gone, inChat, forbidden("bot was kicked from the channel chat")},
		{"not_member", "The bot is not in the supergroup", gone, inChat, forbidden("bot is not a member of the supergroup chat")},
		{"not_channel_member", "The bot is not in the channel", "Ask an administrator to add the bot to the channel.", inChat, forbidden("bot is not a member of the channel chat")},
		{"group_deleted", "The group was deleted", gone, inChat, forbidden("the group chat was deleted")},
		{
			"migrated", "The group has become a supergroup", "Replace the chat's id by parameters.migrate_to_chat_id, and call again.", inChat,
			tghooktest.CallFault{Err: &tghooktest.CallError{Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat", MigrateTo: -1001234567890}},
		},
		{"topic_closed", "The topic is closed", "Reopen the topic, or write to another one.", threads, refused("TOPIC_CLOSED")},
		{"thread_not_found", "The topic was deleted", "Forget message_thread_id, and make a new topic if you need one.", threads, refused("message thread not found")},
		{"supergroups_only", "The method is for supergroups", "Ask the owner to make a supergroup of the group.", []string{"restrictChatMember", "setChatStickerSet", "deleteChatStickerSet"}, refused("method is available only for supergroups")},
		{"join_request_missing", "The join request is no longer there", "Ignore it: somebody else has answered, or the user has taken it back.", []string{"approveChatJoinRequest", "declineChatJoinRequest"}, refused("HIDE_REQUESTER_MISSING")},
	}
}

// messages are errors because of the message.
func messages() []Scenario {
	return []Scenario{
		{"not_modified", "The edit changes nothing", "Ignore it, or compare before you edit.", edits, refused("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")},
		{"edit_not_found", "The message to edit is gone", "Send a new message.", edits, refused("message to edit not found")},
		{"delete_not_found", "The message to delete is gone", "Ignore it: the message is not there any more.", []string{"deleteMessage"}, refused("message to delete not found")},
		{"reply_not_found", "The message to reply to is gone", "Set allow_sending_without_reply in reply_parameters.", slices.DeleteFunc(slices.Clone(threads), func(m string) bool { return m == "forwardMessage" || m == "forwardMessages" || m == "copyMessages" }), refused("message to be replied not found")},
		{"forward_not_found", "The message to forward is gone", "Tell the user that the message is not there any more.", []string{"forwardMessage"}, refused("message to forward not found")},
		{"copy_not_found", "The message to copy is gone", "Tell the user that the message is not there any more.", []string{"copyMessage"}, refused("message to copy not found")},
		{"cannot_edit", "The message cannot be edited", "Send a new message: only the bot's own messages can be edited.", edits, refused("message can't be edited")},
		{"cannot_delete", "The message cannot be deleted", "Leave it: it is older than 48 hours, or the bot lacks the right.", []string{"deleteMessage", "deleteMessages"}, refused("message can't be deleted")},
		{"parse_entities", "The Markdown or HTML of the text is broken", "Escape what users have written, or send the text without parse_mode.", formatted, refused("can't parse entities: Can't find end of the entity starting at byte offset 7")},
		{"text_empty", "The text is empty", "Do not send a text that is empty after spaces are removed.", []string{"sendMessage", "editMessageText"}, refused("message text is empty")},
		{"text_too_long", "The text has more than 4096 characters", "Split the text.", texts, refused("message is too long")},
		{"edit_too_long", "The edited text has more than 4096 characters", "Shorten the text.", []string{"editMessageText"}, refused("MESSAGE_TOO_LONG")},
		{"caption_too_long", "The caption has more than 1024 characters", "Shorten the caption, or send a text after the file.", captions, refused("message caption is too long")},
		{"button_data_invalid", "callback_data has more than 64 bytes", "Keep the data yourself, and put a short key into the button.", keyboards, refused("BUTTON_DATA_INVALID")},
		{"button_url_invalid", "The link of a button is not a link", "Check the url of the buttons.", keyboards, refused("inline keyboard button URL 'x' is invalid: Wrong HTTP URL")},
		{"reaction_invalid", "The chat does not allow the reaction", "Read available_reactions of getChat.", []string{"setMessageReaction"}, refused("REACTION_INVALID")},
		{"poll_closed", "The poll was stopped already", "Ignore it.", []string{"stopPoll"}, refused("poll has already been closed")},
		{"poll_cannot_stop", "The poll is not the bot's own", "Stop only polls that the bot has sent.", []string{"stopPoll"}, refused("poll can't be stopped")},
		{"query_too_old", "The query was answered too late", "Answer at once, and work afterwards.", queries, refused("query is too old and response timeout expired or query ID is invalid")},
	}
}

// files are errors because of a file.
func files() []Scenario {
	return []Scenario{
		{"wrong_file_id", "The file is neither a file_id nor a link", "Check the parameter: a file_id belongs to one bot alone.", media, refused("wrong file identifier/HTTP URL specified")},
		{"file_too_big", "The file has more than 20 MB", "Bots cannot download it from the cloud: ask for a smaller one, or run a local Bot API server.", []string{"getFile"}, refused("file is too big")},
		{"upload_too_large", "The upload has more than 50 MB", "Send a smaller file, or a link.", media, fails(413, "Request Entity Too Large")},
		{"url_failed", "Telegram cannot fetch the link", "Download the file yourself, and upload it.", media, refused("failed to get HTTP URL content")},
		{"url_wrong_type", "The link leads to no file of the kind", "Check that the link gives the file itself with its Content-Type.", media, refused("wrong type of the web page content")},
		{"photo_dimensions", "The photo is too large or too narrow", "Make width and height together at most 10000, or send a document.", photos, refused("PHOTO_INVALID_DIMENSIONS")},
		{"image_failed", "Telegram cannot read the image", "Encode the image anew as JPEG.", media, refused("IMAGE_PROCESS_FAILED")},
	}
}

// rights are errors because the bot may not do it.
func rights() []Scenario {
	const ask = "Ask an administrator for the right, and check it with getChatMember."
	return []Scenario{
		{"write_forbidden", "The bot may not write in the chat", ask, sends, refused("CHAT_WRITE_FORBIDDEN")},
		{"no_right_to_send", "The group does not allow text", ask, texts, refused("not enough rights to send text messages to the chat")},
		{"no_right_to_send_photos", "The group does not allow photos", ask, photos, refused("not enough rights to send photos to the chat")},
		{"no_right_to_pin", "The bot may not pin messages", ask, []string{"pinChatMessage", "unpinChatMessage", "unpinAllChatMessages"}, refused("not enough rights to manage pinned messages in the chat")},
		{"no_right_to_restrict", "The bot may not restrict members", ask, members, refused("not enough rights to restrict/unrestrict chat member")},
		{"admin_required", "The bot is not an administrator", ask, inChat, refused("CHAT_ADMIN_REQUIRED")},
		{"no_channel_admin", "The bot is not an administrator of the channel", ask, sends, refused("need administrator rights in the channel chat")},
		{"user_is_admin", "The member is an administrator", "Leave administrators alone.", members, refused("user is an administrator of the chat")},
		{"owner", "The member is the owner", "Leave the owner alone.", members, refused("can't remove chat owner")},
	}
}

// requests are errors because of too many calls, or of another program with the same token.
func requests() []Scenario {
	return []Scenario{
		{"flood", "Too many messages to one chat", "Wait parameters.retry_after seconds before the next message to this chat.", sends, flood(5 * time.Second)},
		{"flood_global", "Too many calls in all", "Wait parameters.retry_after seconds before the next call of any method.", nil, flood(30 * time.Second)},
		{"conflict_webhook", "A webhook is set, and the bot polls", "Delete the webhook, or stop polling.", []string{poll}, fails(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")},
		{"conflict_poll", "Another program polls with the same token", "Stop the other program.", []string{poll}, fails(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")},
		{"unauthorized", "The token was revoked", "Stop, and ask for a new token.", append([]string{poll}, inChat...), fails(401, "Unauthorized")},
		{"method_not_found", "The server is older than the method", "Check the method's name, and which version of the Bot API the server has.", nil, fails(404, "Not Found: method not found")},
	}
}

// page is what nginx answers when it has no server to ask.
const page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

// service are failures of Telegram and of the way to it.
func service() []Scenario {
	const again = "Call again after a moment, with longer pauses each time."
	anything := append([]string{poll}, inChat...)
	return []Scenario{
		{"internal_error", "Telegram fails", again, anything, fails(500, "Internal Server Error")},
		{"restart", "Telegram's server restarts", again, anything, fails(500, "Internal Server Error: restart")},
		{"bad_gateway", "Telegram's front has no server to ask", again, anything, fails(502, "Bad Gateway")},
		{
			"bad_gateway_page", "A proxy answers with a page of HTML", again + " Check the Content-Type before you read JSON.", anything,
			tghooktest.CallFault{Err: &tghooktest.CallError{Code: 502}, Page: page},
		},
		{
			"timeout", "No answer comes in time", "Set a timeout. The call may have been executed, so do not repeat what must happen once.", inChat,
			tghooktest.CallFault{Hold: 10 * time.Minute, Cut: true},
		},
		{
			"cut", "The connection breaks after the call was executed", "The call was executed: do not repeat what must happen once.", inChat,
			tghooktest.CallFault{Cut: true},
		},
		{
			"cut_before", "The connection breaks before the call is executed", again, anything,
			tghooktest.CallFault{Cut: true, Err: &tghooktest.CallError{Code: 500}},
		},
	}
}

package botapi

import (
	"slices"
	"strings"
	"sync"
)

// Method is a method of the Bot API.
type Method struct {
	Name     string
	Answer   string // the answer after a success, if it is known before the call; else ""
	Progress bool   // whether it shows a chat what the handler is doing
}

// The answers that are known before a call. A message that is not sent yet has the id 0.
const (
	AnswerTrue    = `{"ok":true,"result":true}`
	AnswerMessage = `{"ok":true,"result":{"message_id":0,"date":0,"chat":{"id":0}}}`
)

// Lookup returns the method with this name, in upper or lower case. Telegram ignores the case
// too.
func Lookup(name string) (m Method, ok bool) {
	m, ok = Methods()[strings.ToLower(name)]
	return m, ok
}

// Names returns the names of all methods, sorted.
func Names() []string {
	names := make([]string, 0, len(Methods()))
	for _, m := range Methods() {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names
}

// Methods returns all methods that this package knows, by their names in lower case. The map
// must not be changed.
var Methods = sync.OnceValue(func() map[string]Method {
	methods := map[string]Method{}
	add := func(names, answer string, progress bool) {
		for name := range strings.FieldsSeq(names) {
			methods[strings.ToLower(name)] = Method{name, answer, progress}
		}
	}
	add(unanswerable, "", false)
	for _, group := range answerable {
		add(group.methods, group.answer, group.progress)
	}
	return methods
})

// Rides reports whether Telegram executes method when it comes in the response to a webhook.
// Source: tdlib/telegram-bot-api, WebhookActor::handle.
func Rides(method string) bool {
	method = strings.ToLower(method)
	switch method {
	case "setwebhook", "deletewebhook", "close", "logout":
		return false
	}
	return !strings.HasPrefix(method, "get")
}

// answerable are the methods whose answer is known before they are called.
var answerable = []struct {
	answer   string
	progress bool
	methods  string
}{
	{AnswerTrue, false, `
		addStickerToSet answerCallbackQuery answerChatJoinRequestQuery answerInlineQuery answerPreCheckoutQuery
		answerShippingQuery approveChatJoinRequest approveSuggestedPost banChatMember banChatSenderChat
		closeForumTopic closeGeneralForumTopic convertGiftToStars createNewStickerSet declineChatJoinRequest
		declineSuggestedPost deleteAllMessageReactions deleteBusinessMessages deleteChatPhoto deleteChatStickerSet
		deleteEphemeralMessage deleteForumTopic deleteMessage deleteMessageReaction deleteMessages deleteMyCommands deleteStickerFromSet
		deleteStickerSet deleteStory editEphemeralMessageCaption editEphemeralMessageMedia
		editEphemeralMessageReplyMarkup editEphemeralMessageText editForumTopic editGeneralForumTopic editUserStarSubscription
		giftPremiumSubscription hideGeneralForumTopic leaveChat pinChatMessage promoteChatMember readBusinessMessage
		refundStarPayment removeBusinessAccountProfilePhoto removeChatVerification removeMyProfilePhoto
		removeUserVerification reopenForumTopic reopenGeneralForumTopic replaceStickerInSet restrictChatMember
		sendChatJoinRequestWebApp sendGift setBusinessAccountBio setBusinessAccountGiftSettings
		setBusinessAccountName setBusinessAccountProfilePhoto setBusinessAccountUsername
		setChatAdministratorCustomTitle setChatDescription setChatMemberTag setChatMenuButton setChatPermissions
		setChatPhoto setChatStickerSet setChatTitle setCustomEmojiStickerSetThumbnail setManagedBotAccessSettings
		setMessageReaction setMyCommands setMyDefaultAdministratorRights setMyDescription setMyName
		setMyProfilePhoto setMyShortDescription setPassportDataErrors setStickerEmojiList setStickerKeywords
		setStickerMaskPosition setStickerPositionInSet setStickerSetThumbnail setStickerSetTitle
		setUserEmojiStatus transferBusinessAccountStars transferGift unbanChatMember unbanChatSenderChat
		unhideGeneralForumTopic unpinAllChatMessages unpinAllForumTopicMessages unpinAllGeneralForumTopicMessages
		unpinChatMessage upgradeGift verifyChat verifyUser`},
	{AnswerTrue, true, `sendChatAction sendMessageDraft sendRichMessageDraft`},
	{AnswerMessage, false, `
		copyMessage editMessageCaption editMessageChecklist editMessageLiveLocation editMessageMedia
		editMessageReplyMarkup editMessageText forwardMessage sendAnimation sendAudio sendChecklist sendContact
		sendDice sendDocument sendGame sendInvoice sendLivePhoto sendLocation sendMessage sendPaidMedia sendPhoto
		sendPoll sendRichMessage sendSticker sendVenue sendVideo sendVideoNote sendVoice setGameScore
		stopMessageLiveLocation`},
}

// unanswerable are all other methods of Bot API 10.3
// (https://core.telegram.org/bots/api#available-methods).
const unanswerable = `
	answerGuestQuery answerWebAppQuery close copyMessages createChatInviteLink createChatSubscriptionInviteLink
	createForumTopic createInvoiceLink deleteWebhook editChatInviteLink editChatSubscriptionInviteLink editStory
	exportChatInviteLink forwardMessages getAvailableGifts getBusinessAccountGifts getBusinessAccountStarBalance
	getBusinessConnection getChat getChatAdministrators getChatGifts getChatMember getChatMemberCount
	getChatMenuButton getCustomEmojiStickers getFile getForumTopicIconStickers getGameHighScores
	getManagedBotAccessSettings getManagedBotToken getMe getMyCommands getMyDefaultAdministratorRights
	getMyDescription getMyName getMyShortDescription getMyStarBalance getStarTransactions getStickerSet getUpdates
	getUserChatBoosts getUserGifts getUserPersonalChatMessages getUserProfileAudios getUserProfilePhotos
	getWebhookInfo logOut postStory replaceManagedBotToken repostStory revokeChatInviteLink
	savePreparedInlineMessage savePreparedKeyboardButton sendMediaGroup setWebhook stopPoll uploadStickerFile`

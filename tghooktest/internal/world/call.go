package world

import (
	"encoding/json"
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// methods are the methods that are simulated. The others are accepted and do nothing.
var methods = map[string]func(*World, botapi.Params) (any, error){
	"getMe":                 (*World).getMe,
	"getMyCommands":         (*World).getMyCommands,
	"setMyCommands":         (*World).setMyCommands,
	"deleteMyCommands":      (*World).deleteMyCommands,
	"getMyName":             tells("name"),
	"setMyName":             sets("name"),
	"getMyDescription":      tells("description"),
	"setMyDescription":      sets("description"),
	"getMyShortDescription": tells("short_description"),
	"setMyShortDescription": sets("short_description"),

	"sendMessage":     sender((*World).textOf),
	"sendPhoto":       sends("photo"),
	"sendDocument":    sends("document"),
	"sendVideo":       sends("video"),
	"sendAudio":       sends("audio"),
	"sendVoice":       sends("voice"),
	"sendAnimation":   sends("animation"),
	"sendSticker":     sends("sticker"),
	"sendVideoNote":   sends("video_note"),
	"sendLivePhoto":   sends("photo"),
	"sendMediaGroup":  (*World).sendMediaGroup,
	"sendPoll":        sender((*World).poll),
	"sendDice":        sender((*World).dice),
	"sendLocation":    sender((*World).location),
	"sendVenue":       sender((*World).venue),
	"sendContact":     sender((*World).contact),
	"sendGame":        sender((*World).game),
	"sendInvoice":     sender((*World).invoice),
	"sendChecklist":   sender((*World).checklist),
	"sendPaidMedia":   sender((*World).paidMedia),
	"sendRichMessage": sender((*World).richMessage),
	"sendChatAction":  (*World).sendChatAction,

	"forwardMessage":  (*World).forwardMessage,
	"forwardMessages": (*World).forwardMessages,
	"copyMessage":     (*World).copyMessage,
	"copyMessages":    (*World).copyMessages,

	"editMessageText":         edits((*World).editedText),
	"editMessageCaption":      edits((*World).editedCaption),
	"editMessageMedia":        edits((*World).editedMedia),
	"editMessageReplyMarkup":  edits((*World).editedMarkup),
	"editMessageLiveLocation": edits((*World).editedLocation),
	"stopMessageLiveLocation": edits((*World).stoppedLocation),
	"editMessageChecklist":    edits((*World).editedChecklist),
	"stopPoll":                (*World).stopPoll,
	"deleteMessage":           (*World).deleteMessage,
	"deleteMessages":          (*World).deleteMessages,
	"setMessageReaction":      (*World).setMessageReaction,

	"answerCallbackQuery":    (*World).answerCallbackQuery,
	"answerInlineQuery":      (*World).answerInlineQuery,
	"answerShippingQuery":    (*World).answerShippingQuery,
	"answerPreCheckoutQuery": (*World).answerPreCheckoutQuery,

	"answerWebAppQuery":          (*World).answerWebAppQuery,
	"answerGuestQuery":           answersForeign("guest_query_id", shapes["SentGuestMessage"], true),
	"answerChatJoinRequestQuery": answersForeign("chat_join_request_query_id", "true", true),
	"sendChatJoinRequestWebApp":  answersForeign("chat_join_request_query_id", "true", false),

	"getFile":           (*World).getFile,
	"uploadStickerFile": (*World).uploadStickerFile,

	"savePreparedInlineMessage": (*World).savePreparedInlineMessage,
	"setPassportDataErrors":     (*World).setPassportDataErrors,
	"banChatSenderChat":         changesSender(toBan),
	"unbanChatSenderChat":       changesSender(toUnban),

	"setGameScore":      (*World).setGameScore,
	"getGameHighScores": (*World).getGameHighScores,
	"getAvailableGifts": (*World).getAvailableGifts,
	"sendGift":          (*World).sendGift,

	"getStickerSet":                     (*World).getStickerSet,
	"createNewStickerSet":               (*World).createNewStickerSet,
	"addStickerToSet":                   (*World).addStickerToSet,
	"replaceStickerInSet":               (*World).replaceStickerInSet,
	"deleteStickerFromSet":              (*World).deleteStickerFromSet,
	"deleteStickerSet":                  (*World).deleteStickerSet,
	"setStickerPositionInSet":           (*World).setStickerPositionInSet,
	"setStickerSetTitle":                (*World).setStickerSetTitle,
	"setStickerSetThumbnail":            (*World).setStickerSetThumbnail,
	"setCustomEmojiStickerSetThumbnail": (*World).setCustomEmojiStickerSetThumbnail,
	"setStickerEmojiList":               (*World).setStickerEmojiList,
	"setStickerKeywords":                (*World).setStickerKeywords,
	"setStickerMaskPosition":            (*World).setStickerMaskPosition,
	"setChatStickerSet":                 (*World).setChatStickerSet,
	"getCustomEmojiStickers":            (*World).getCustomEmojiStickers,

	"getChat":                           (*World).getChat,
	"getChatMember":                     (*World).getChatMember,
	"getChatAdministrators":             (*World).getChatAdministrators,
	"getChatMemberCount":                (*World).getChatMemberCount,
	"setChatTitle":                      (*World).setChatTitle,
	"setChatDescription":                (*World).setChatDescription,
	"setChatPermissions":                (*World).setChatPermissions,
	"leaveChat":                         (*World).leaveChat,
	"createForumTopic":                  (*World).createForumTopic,
	"editForumTopic":                    changesTopic(false, "can_manage_topics", lacksEdit, (*World).editTopic),
	"closeForumTopic":                   changesTopic(false, "can_manage_topics", lacksClose, closesTopic(true)),
	"reopenForumTopic":                  changesTopic(false, "can_manage_topics", lacksClose, closesTopic(false)),
	"deleteForumTopic":                  changesTopic(false, "can_delete_messages", lacksDelete, (*World).deleteTopic),
	"unpinAllForumTopicMessages":        changesTopic(false, "can_pin_messages", lacksPin, (*World).unpinTopic),
	"editGeneralForumTopic":             changesTopic(true, "can_manage_topics", lacksEdit, (*World).editTopic),
	"closeGeneralForumTopic":            changesTopic(true, "can_manage_topics", lacksClose, closesTopic(true)),
	"reopenGeneralForumTopic":           changesTopic(true, "can_manage_topics", lacksClose, closesTopic(false)),
	"hideGeneralForumTopic":             changesTopic(true, "can_manage_topics", lacksClose, hidesTopic(true)),
	"unhideGeneralForumTopic":           changesTopic(true, "can_manage_topics", lacksClose, hidesTopic(false)),
	"unpinAllGeneralForumTopicMessages": changesTopic(true, "can_pin_messages", lacksPin, (*World).unpinTopic),

	"setChatMenuButton":               (*World).setChatMenuButton,
	"getChatMenuButton":               (*World).getChatMenuButton,
	"setMyDefaultAdministratorRights": (*World).setMyDefaultAdministratorRights,
	"getMyDefaultAdministratorRights": (*World).getMyDefaultAdministratorRights,
	"setUserEmojiStatus":              (*World).setUserEmojiStatus,
	"setChatPhoto":                    (*World).setChatPhoto,
	"deleteChatStickerSet":            (*World).deleteChatStickerSet,
	"deleteChatPhoto":                 (*World).deleteChatPhoto,
	"deleteMessageReaction":           (*World).deleteMessageReaction,
	"deleteAllMessageReactions":       (*World).deleteAllMessageReactions,
	"setChatMemberTag":                (*World).setChatMemberTag,
	"getUserChatBoosts":               (*World).getUserChatBoosts,

	"getBusinessConnection":      (*World).getBusinessConnection,
	"readBusinessMessage":        (*World).readBusinessMessage,
	"deleteBusinessMessages":     (*World).deleteBusinessMessages,
	"setBusinessAccountName":     (*World).setBusinessAccountName,
	"setBusinessAccountUsername": (*World).setBusinessAccountUsername,
	"setBusinessAccountBio":      (*World).setBusinessAccountBio,

	"banChatMember":                    changesMember(toBan, (*World).ban),
	"unbanChatMember":                  changesMember(toUnban, (*World).unban),
	"restrictChatMember":               (*World).restrictChatMember,
	"promoteChatMember":                changesMember(toPromote, (*World).promote),
	"setChatAdministratorCustomTitle":  changesMember(toEntitle, (*World).setTitle),
	"pinChatMessage":                   (*World).pinChatMessage,
	"unpinChatMessage":                 (*World).unpinChatMessage,
	"unpinAllChatMessages":             (*World).unpinAllChatMessages,
	"exportChatInviteLink":             (*World).exportChatInviteLink,
	"createChatInviteLink":             (*World).createChatInviteLink,
	"editChatInviteLink":               (*World).editChatInviteLink,
	"createChatSubscriptionInviteLink": (*World).createSubscriptionLink,
	"editChatSubscriptionInviteLink":   (*World).editSubscriptionLink,
	"revokeChatInviteLink":             (*World).revokeChatInviteLink,
	"approveChatJoinRequest":           (*World).approveChatJoinRequest,
	"declineChatJoinRequest":           (*World).declineChatJoinRequest,
	"createInvoiceLink":                (*World).createInvoiceLink,
	"refundStarPayment":                (*World).refundStarPayment,
	"editUserStarSubscription":         (*World).editUserStarSubscription,
	"getStarTransactions":              (*World).getStarTransactions,
	"getMyStarBalance":                 (*World).getMyStarBalance,

	"sendMessageDraft":     (*World).sendMessageDraft,
	"sendRichMessageDraft": (*World).sendRichMessageDraft,
	"getUserProfilePhotos": (*World).getUserProfilePhotos,
}

// Call runs the method that Params names in Telegram's spelling.
// number is the call's number in events and in messages.
func (w *World) Call(p botapi.Params, number int64) (json.RawMessage, *botapi.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call = number
	defer func() { w.call = 0 }()
	run, ok := methods[p.Method]
	if !ok {
		run = (*World).accept
	}
	w.made = nil
	result, err := run(w, p)
	if err != nil {
		w.forget(0)
		return nil, described(err)
	}
	if set, ok := w.answers[p.Method]; ok {
		return set, nil
	}
	made := marshal(result)
	observe(p.Method, made)
	return made, nil
}

// checkedOnly are the methods that look closely at a call, and do nothing that anybody sees.
var checkedOnly = []string{
	"answerGuestQuery", "answerChatJoinRequestQuery", "sendChatJoinRequestWebApp", "setPassportDataErrors", "banChatSenderChat", "unbanChatSenderChat",
	"sendGift",
}

// Simulates reports whether the World does what the method, in Telegram's spelling, is for.
// It checks and accepts calls of the others.
func Simulates(method string) bool {
	return methods[method] != nil && !slices.Contains(checkedOnly, method)
}

// Answer sets the result of a method. The method is still executed.
func (w *World) Answer(method string, result json.RawMessage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m, ok := botapi.Lookup(method); ok {
		method = m.Name
	}
	w.answers[method] = result
}

package tghook

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tghook/tghook/internal/spelling"
)

// unanswerable are the methods of Bot API 10.1 that are not among answerable. Both
// together are all of them (https://core.telegram.org/bots/api#available-methods).
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

// apiMethods are all methods that this package knows, by their names, and by these in
// lower case: Telegram does not look at the case.
var apiMethods = sync.OnceValue(func() map[string]string {
	methods := map[string]string{}
	add := func(names string) {
		for name := range strings.FieldsSeq(names) {
			methods[name], methods[strings.ToLower(name)] = name, name
		}
	}
	add(unanswerable)
	for _, group := range answerable {
		add(group.methods)
	}
	return methods
})

// maxUnknownMethods bounds the names that are remembered, and so the warnings.
const maxUnknownMethods = 100

// spellcheck warns of replies whose method this package does not know. That is no
// error: Telegram may know it. It is safe for concurrent use.
type spellcheck struct {
	mu     sync.Mutex
	warned map[string]bool // by method; made when it is needed
}

// check warns once of a method.
func (s *spellcheck) check(ctx context.Context, cfg *DispatchConfig, method string) {
	known := apiMethods()
	if known[method] != "" || known[strings.ToLower(method)] != "" || !s.first(method) {
		return
	}
	cfg.log(ctx, slog.LevelWarn, "tghook: a reply has a method that is not in Bot API 10.1: Telegram ignores a method that it does not know",
		slog.String("method", method), slog.String("nearest", spelling.Nearest(method, slices.Sorted(maps.Values(known)))))
}

// first reports whether method is one to warn of, and was not seen before.
func (s *spellcheck) first(method string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warned[method] || len(s.warned) >= maxUnknownMethods {
		return false
	}
	if s.warned == nil {
		s.warned = map[string]bool{}
	}
	s.warned[method] = true
	return true
}

package clients_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/PaulSonOfLars/gotgbot/v2/ext"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

var gotgbotAllowed = []string{
	"message", "edited_message", "callback_query", "inline_query", "chosen_inline_result", "poll_answer", "message_reaction", "chat_member",
	"pre_checkout_query", "business_message",
}

// It answers a webhook at once and handles updates side by side, as its samples do.
func gotgbotBot(t *testing.T, tg *tghooktest.Server, webhook net.Listener) {
	t.Helper()
	b, err := gotgbot.NewBot(tg.Token, &gotgbot.BotOpts{BotClient: &gotgbot.BaseBotClient{DefaultRequestOpts: &gotgbot.RequestOpts{APIURL: tg.URL, Timeout: patience}}})
	require.NoError(t, err)
	dispatcher := ext.NewDispatcher(nil)
	dispatcher.AddHandler(gotgbotHandler{t, tg.URL})
	updater := ext.NewUpdater(dispatcher, nil)
	t.Cleanup(func() { require.NoError(t, updater.Stop()) })
	if webhook == nil {
		err := updater.StartPolling(b, &ext.PollingOpts{GetUpdatesOpts: &gotgbot.GetUpdatesOpts{
			Timeout: 1, AllowedUpdates: gotgbotAllowed, RequestOpts: &gotgbot.RequestOpts{APIURL: tg.URL, Timeout: patience},
		}})
		require.NoError(t, err)
		return
	}
	require.NoError(t, updater.AddWebhook(b, "telegram", &ext.AddWebhookOpts{SecretToken: secret}))
	url := serve(t, webhook, updater.GetHandlerFunc("/"))
	_, err = b.SetWebhook(url, &gotgbot.SetWebhookOpts{SecretToken: secret, AllowedUpdates: gotgbotAllowed})
	require.NoError(t, err)
}

// gotgbotHandler handles every update.
type gotgbotHandler struct {
	t   *testing.T
	url string
}

func (gotgbotHandler) Name() string                                { return "every update" }
func (gotgbotHandler) CheckUpdate(*gotgbot.Bot, *ext.Context) bool { return true }

func (h gotgbotHandler) HandleUpdate(b *gotgbot.Bot, ctx *ext.Context) error {
	err := h.handle(b, ctx.Update)
	report(h.t, err)
	return nil
}

func (h gotgbotHandler) handle(b *gotgbot.Bot, u *gotgbot.Update) error {
	say := func(chat int64, text string) error {
		_, err := b.SendMessage(chat, text, nil)
		return err
	}
	switch {
	case u.Message != nil:
		return h.message(b, u.Message)
	case u.EditedMessage != nil:
		return say(u.EditedMessage.Chat.Id, "edited: "+u.EditedMessage.Text)
	case u.CallbackQuery != nil:
		return gotgbotPressed(b, u.CallbackQuery)
	case u.InlineQuery != nil:
		q := u.InlineQuery.Query
		_, err := u.InlineQuery.Answer(b, []gotgbot.InlineQueryResult{
			gotgbot.InlineQueryResultArticle{Id: "1", Title: q, InputMessageContent: gotgbot.InputTextMessageContent{MessageText: q}},
		}, nil)
		return err
	case u.ChosenInlineResult != nil:
		return say(u.ChosenInlineResult.From.Id, "chose "+u.ChosenInlineResult.ResultId)
	case u.PollAnswer != nil:
		return say(u.PollAnswer.User.Id, "voted "+strings.Trim(fmt.Sprint(u.PollAnswer.OptionIds), "[]"))
	case u.MessageReaction != nil:
		return say(u.MessageReaction.Chat.Id, "reacted "+u.MessageReaction.NewReaction[0].MergeReactionType().Emoji)
	case u.PreCheckoutQuery != nil:
		_, err := u.PreCheckoutQuery.Answer(b, true, nil)
		return err
	case u.BusinessMessage != nil:
		m := u.BusinessMessage
		_, err := b.SendMessage(m.Chat.Id, "for the owner: "+m.Text, &gotgbot.SendMessageOpts{BusinessConnectionId: m.BusinessConnectionId})
		return err
	case u.ChatMember != nil:
		member := u.ChatMember.NewChatMember.MergeChatMember()
		return say(u.ChatMember.Chat.Id, member.User.FirstName+" is "+member.Status)
	}
	return nil
}

func gotgbotPressed(b *gotgbot.Bot, q *gotgbot.CallbackQuery) error {
	if _, err := q.Answer(b, &gotgbot.AnswerCallbackQueryOpts{Text: "Loud enough?"}); err != nil {
		return err
	}
	m, ok := q.Message.(gotgbot.Message)
	if !ok {
		return errors.New("the message of the button cannot be read")
	}
	_, _, err := m.EditText(b, &gotgbot.EditMessageTextOpts{Text: strings.ToUpper(m.Text)})
	return err
}

func (h gotgbotHandler) message(b *gotgbot.Bot, m *gotgbot.Message) (err error) {
	words := strings.Fields(m.Text)
	var text string
	switch {
	case len(words) > 1 && words[0] == "/do":
		text = words[1] + ": " + gotgbotDone(b, m, words[1], words[2:])
	case len(words) > 1 && words[0] == "/start":
		text = "started with " + words[1]
	case m.Text == "/photo":
		_, err = b.SendPhoto(m.Chat.Id, gotgbotPhoto(), &gotgbot.SendPhotoOpts{Caption: "a photo"})
		return err
	case len(m.Photo) > 0:
		file, err := b.GetFile(m.Photo[len(m.Photo)-1].FileId, nil)
		if err != nil {
			return err
		}
		content, err := download(h.t.Context(), file.URL(b, &gotgbot.RequestOpts{APIURL: h.url}))
		if err != nil {
			return err
		}
		text = sizeOf(content)
	case m.Text != "":
		_, err = b.SendMessage(m.Chat.Id, m.Text, &gotgbot.SendMessageOpts{ReplyMarkup: gotgbot.InlineKeyboardMarkup{
			InlineKeyboard: [][]gotgbot.InlineKeyboardButton{{{Text: "Shout", CallbackData: "shout"}}},
		}})
		return err
	case m.SuccessfulPayment != nil:
		text = fmt.Sprintf("paid %d %s", m.SuccessfulPayment.TotalAmount, m.SuccessfulPayment.Currency)
	case m.Document != nil:
		text = "a document"
	case m.Location != nil:
		text = "a location"
	case m.Contact != nil:
		text = "a contact"
	default:
		return nil // a service message
	}
	_, err = b.SendMessage(m.Chat.Id, text, nil)
	return err
}

func gotgbotPhoto() gotgbot.InputFile {
	return gotgbot.InputFileByReader("photo.jpg", bytes.NewReader(photo()))
}

func gotgbotFile(name, content string) gotgbot.InputFile {
	return gotgbot.InputFileByReader(name, strings.NewReader(content))
}

// gotgbotDone does a task and says what came of it.
func gotgbotDone(b *gotgbot.Bot, m *gotgbot.Message, name string, args []string) string {
	do, ok := gotgbotTasks[name]
	if !ok {
		return "not available"
	}
	user := int64(0)
	if len(args) > 0 {
		user, _ = strconv.ParseInt(args[0], 10, 64)
	}
	result, err := do(b, m, user)
	if refused := (*gotgbot.TelegramError)(nil); errors.As(err, &refused) {
		return fmt.Sprintf("%d %s", refused.Code, refused.Description)
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(result)
}

type gotgbotTask func(b *gotgbot.Bot, m *gotgbot.Message, user int64) (any, error)

// gotgbotSent makes a task that sends a message.
func gotgbotSent(send func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error), result func(sent *gotgbot.Message) any) gotgbotTask {
	return func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := send(b, m)
		if err != nil {
			return nil, err
		}
		return result(sent), nil
	}
}

// gotgbotSays makes a task that sends a text.
func gotgbotSays(text string, opts *gotgbot.SendMessageOpts) gotgbotTask {
	return gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendMessage(m.Chat.Id, text, opts)
	}, func(sent *gotgbot.Message) any {
		if len(sent.Entities) == 0 || opts.LinkPreviewOptions != nil {
			return sent.Text
		}
		types := make([]string, len(sent.Entities))
		for i, entity := range sent.Entities {
			types[i] = entity.Type
		}
		return strings.Join(types, " ")
	})
}

func gotgbotName(sent *gotgbot.Message) any     { return sent.Document.FileName }
func gotgbotHasPhoto(sent *gotgbot.Message) any { return len(sent.Photo) > 0 }

var gotgbotTasks = map[string]gotgbotTask{
	"html":     gotgbotSays("<b>bold</b> &amp; <i>slanted</i>", &gotgbot.SendMessageOpts{ParseMode: "HTML"}),
	"markdown": gotgbotSays("*bold* `code`", &gotgbot.SendMessageOpts{ParseMode: "MarkdownV2"}),
	"entities": gotgbotSays("a link", &gotgbot.SendMessageOpts{Entities: []gotgbot.MessageEntity{{Type: "text_link", Offset: 2, Length: 4, Url: "https://example.org/"}}}),
	"preview":  gotgbotSays("https://example.org", &gotgbot.SendMessageOpts{LinkPreviewOptions: &gotgbot.LinkPreviewOptions{IsDisabled: true}}),
	"keyboard": gotgbotSays("Yes or no?", &gotgbot.SendMessageOpts{ReplyMarkup: gotgbot.ReplyKeyboardMarkup{
		Keyboard: [][]gotgbot.KeyboardButton{{{Text: "Yes"}, {Text: "No"}}}, ResizeKeyboard: true,
	}}),
	"keyboard_gone": gotgbotSays("No keyboard", &gotgbot.SendMessageOpts{ReplyMarkup: gotgbot.ReplyKeyboardRemove{RemoveKeyboard: true}}),
	"force_reply":   gotgbotSays("Your name?", &gotgbot.SendMessageOpts{ReplyMarkup: gotgbot.ForceReply{ForceReply: true}}),
	"empty":         gotgbotSays("", nil),
	"reply": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendMessage(m.Chat.Id, "an answer", &gotgbot.SendMessageOpts{ReplyParameters: &gotgbot.ReplyParameters{MessageId: m.MessageId}})
	}, func(sent *gotgbot.Message) any { return sent.ReplyToMessage.Text }),
	"photo": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendPhoto(m.Chat.Id, gotgbotPhoto(), nil)
	}, gotgbotHasPhoto),
	"photo_by_url": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendPhoto(m.Chat.Id, gotgbot.InputFileByURL("https://example.org/cat.jpg"), nil)
	}, gotgbotHasPhoto),
	"document": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendDocument(m.Chat.Id, gotgbotFile("report.txt", "a report"), nil)
	}, gotgbotName),
	"stream": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendDocument(m.Chat.Id, gotgbot.InputFileByReader("stream.txt", io.MultiReader(strings.NewReader("a "), strings.NewReader("stream"))), nil)
	}, func(sent *gotgbot.Message) any { return sent.Document.FileSize }),
	"forward": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.ForwardMessage(m.Chat.Id, m.Chat.Id, m.MessageId, nil)
	}, func(sent *gotgbot.Message) any { return sent.ForwardOrigin.MergeMessageOrigin().Type }),
	"location": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendLocation(m.Chat.Id, 48.5, 9.25, nil)
	}, func(sent *gotgbot.Message) any { return sent.Location.Latitude }),
	"venue": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendVenue(m.Chat.Id, 48.5, 9.25, "Town hall", "Market 1", nil)
	}, func(sent *gotgbot.Message) any { return sent.Venue.Title }),
	"contact": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendContact(m.Chat.Id, "+15550100", "Ann", nil)
	}, func(sent *gotgbot.Message) any { return sent.Contact.FirstName }),
	"dice": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendDice(m.Chat.Id, &gotgbot.SendDiceOpts{Emoji: "🎯"})
	}, func(sent *gotgbot.Message) any { return sent.Dice.Emoji }),
	"poll": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendPoll(m.Chat.Id, "Tea?", []gotgbot.InputPollOption{{Text: "Yes"}, {Text: "No"}}, &gotgbot.SendPollOpts{IsAnonymous: new(bool)})
	}, func(sent *gotgbot.Message) any { return sent.Poll.Question }),
	"invoice": gotgbotSent(func(b *gotgbot.Bot, m *gotgbot.Message) (*gotgbot.Message, error) {
		return b.SendInvoice(m.Chat.Id, "Tea", "A cup", "p", "XTR", []gotgbot.LabeledPrice{{Label: "Tea", Amount: 5}}, nil)
	}, func(sent *gotgbot.Message) any {
		return fmt.Sprint(sent.Invoice.TotalAmount, " ", sent.Invoice.Currency)
	}),

	"edit": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := b.SendMessage(m.Chat.Id, "before", nil)
		if err != nil {
			return nil, err
		}
		edited, _, err := sent.EditText(b, &gotgbot.EditMessageTextOpts{Text: "after"})
		if err != nil {
			return nil, err
		}
		return edited.Text, nil
	},
	"edit_caption": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := b.SendPhoto(m.Chat.Id, gotgbotPhoto(), &gotgbot.SendPhotoOpts{Caption: "before"})
		if err != nil {
			return nil, err
		}
		edited, _, err := sent.EditCaption(b, &gotgbot.EditMessageCaptionOpts{Caption: "a new caption"})
		if err != nil {
			return nil, err
		}
		return edited.Caption, nil
	},
	"edit_media": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := b.SendPhoto(m.Chat.Id, gotgbotPhoto(), nil)
		if err != nil {
			return nil, err
		}
		edited, _, err := sent.EditMedia(b, gotgbot.InputMediaDocument{Media: gotgbotFile("report.txt", "a report"), Caption: "a file now"}, nil)
		if err != nil {
			return nil, err
		}
		return edited.Document.FileName + ": " + edited.Caption, nil
	},
	"edit_markup": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := b.SendMessage(m.Chat.Id, "with a link below", nil)
		if err != nil {
			return nil, err
		}
		edited, _, err := sent.EditReplyMarkup(b, &gotgbot.EditMessageReplyMarkupOpts{ReplyMarkup: gotgbot.InlineKeyboardMarkup{
			InlineKeyboard: [][]gotgbot.InlineKeyboardButton{{{Text: "there", Url: "https://example.org/"}}},
		}})
		if err != nil {
			return nil, err
		}
		return edited.ReplyMarkup.InlineKeyboard[0][0].Text, nil
	},
	"delete": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := b.SendMessage(m.Chat.Id, "nobody reads this", nil)
		if err != nil {
			return nil, err
		}
		return sent.Delete(b, nil)
	},
	"photo_by_id": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := b.SendPhoto(m.Chat.Id, gotgbotPhoto(), nil)
		if err != nil {
			return nil, err
		}
		largest := sent.Photo[len(sent.Photo)-1]
		again, err := b.SendPhoto(m.Chat.Id, gotgbot.InputFileByID(largest.FileId), nil)
		if err != nil {
			return nil, err
		}
		return again.Photo[len(again.Photo)-1].FileUniqueId == largest.FileUniqueId, nil
	},
	"kinds": gotgbotKinds,
	"album": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := b.SendMediaGroup(m.Chat.Id, gotgbot.InputMedias{
			gotgbot.InputMediaPhoto{Media: gotgbotPhoto(), Caption: "first"}, gotgbot.InputMediaPhoto{Media: gotgbotPhoto()},
		}, nil)
		if err != nil {
			return nil, err
		}
		return len(sent) == 2 && sent[0].MediaGroupId == sent[1].MediaGroupId, nil
	},
	"copy": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		copied, err := b.CopyMessage(m.Chat.Id, m.Chat.Id, m.MessageId, nil)
		if err != nil {
			return nil, err
		}
		return copied.MessageId > m.MessageId, nil
	},
	"action": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		return b.SendChatAction(m.Chat.Id, "typing", nil)
	},
	"pin": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		if _, err := m.Pin(b, nil); err != nil {
			return nil, err
		}
		pinned, err := b.GetChat(m.Chat.Id, nil)
		if err != nil {
			return nil, err
		}
		if _, err := m.Unpin(b, nil); err != nil {
			return nil, err
		}
		unpinned, err := b.GetChat(m.Chat.Id, nil)
		if err != nil {
			return nil, err
		}
		return pinned.PinnedMessage.MessageId == m.MessageId && unpinned.PinnedMessage == nil, nil
	},
	"stop_poll": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		sent, err := b.SendPoll(m.Chat.Id, "Coffee?", []gotgbot.InputPollOption{{Text: "Yes"}, {Text: "No"}}, nil)
		if err != nil {
			return nil, err
		}
		poll, err := b.StopPoll(m.Chat.Id, sent.MessageId, nil)
		if err != nil {
			return nil, err
		}
		return poll.IsClosed, nil
	},
	"react": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		return m.SetReaction(b, &gotgbot.SetMessageReactionOpts{Reaction: []gotgbot.ReactionType{gotgbot.ReactionTypeEmoji{Emoji: "👍"}}})
	},
	"commands": func(b *gotgbot.Bot, _ *gotgbot.Message, _ int64) (any, error) {
		everywhere := gotgbot.BotCommandScopeDefault{} // without a Scope it sends null, which Telegram refuses
		if _, err := b.SetMyCommands([]gotgbot.BotCommand{{Command: "start", Description: "Begin"}}, &gotgbot.SetMyCommandsOpts{LanguageCode: "de", Scope: everywhere}); err != nil {
			return nil, err
		}
		set, err := b.GetMyCommands(&gotgbot.GetMyCommandsOpts{LanguageCode: "de", Scope: everywhere})
		if err != nil {
			return nil, err
		}
		if _, err := b.DeleteMyCommands(&gotgbot.DeleteMyCommandsOpts{LanguageCode: "de", Scope: everywhere}); err != nil {
			return nil, err
		}
		deleted, err := b.GetMyCommands(&gotgbot.GetMyCommandsOpts{LanguageCode: "de", Scope: everywhere})
		return fmt.Sprintf("%s, then %d", set[0].Description, len(deleted)), err
	},
	"description": func(b *gotgbot.Bot, _ *gotgbot.Message, _ int64) (any, error) {
		if _, err := b.SetMyDescription(&gotgbot.SetMyDescriptionOpts{Description: "It echoes"}); err != nil {
			return nil, err
		}
		set, err := b.GetMyDescription(nil)
		if err != nil {
			return nil, err
		}
		return set.Description, nil
	},
	"me": func(b *gotgbot.Bot, _ *gotgbot.Message, _ int64) (any, error) {
		me, err := b.GetMe(nil)
		if err != nil {
			return nil, err
		}
		return me.IsBot, nil
	},
	"link": func(b *gotgbot.Bot, _ *gotgbot.Message, _ int64) (any, error) {
		link, err := b.CreateInvoiceLink("Tea", "A cup", "p", "XTR", []gotgbot.LabeledPrice{{Label: "Tea", Amount: 5}}, nil)
		return strings.HasPrefix(link, "https://"), err
	},
	"gift": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		shop, err := b.GetAvailableGifts(nil)
		if err != nil {
			return nil, err
		}
		return b.SendGift(shop.Gifts[0].Id, &gotgbot.SendGiftOpts{UserId: m.From.Id})
	},
	"menu": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		if _, err := b.SetChatMenuButton(&gotgbot.SetChatMenuButtonOpts{ChatId: &m.Chat.Id, MenuButton: gotgbot.MenuButtonCommands{}}); err != nil {
			return nil, err
		}
		button, err := b.GetChatMenuButton(&gotgbot.GetChatMenuButtonOpts{ChatId: &m.Chat.Id})
		if err != nil {
			return nil, err
		}
		return button.GetType(), nil
	},
	"draft": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		return b.SendMessageDraft(m.Chat.Id, 7, &gotgbot.SendMessageDraftOpts{Text: "I am thinking"})
	},
	"topic": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		topic, err := b.CreateForumTopic(m.Chat.Id, "Ticket 7", nil)
		if err != nil {
			return nil, err
		}
		sent, err := b.SendMessage(m.Chat.Id, "in the topic", &gotgbot.SendMessageOpts{MessageThreadId: topic.MessageThreadId})
		if err != nil {
			return nil, err
		}
		return sent.MessageThreadId == topic.MessageThreadId, nil
	},
	"nowhere": func(b *gotgbot.Bot, _ *gotgbot.Message, _ int64) (any, error) { return b.SendMessage(1, "?", nil) },
	"send_to": func(b *gotgbot.Bot, _ *gotgbot.Message, user int64) (any, error) {
		return b.SendMessage(user, "hello", nil)
	},

	"chat": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		chat, err := b.GetChat(m.Chat.Id, nil)
		if err != nil {
			return nil, err
		}
		return chat.Type, nil
	},
	"members": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		return b.GetChatMemberCount(m.Chat.Id, nil)
	},
	"member": func(b *gotgbot.Bot, m *gotgbot.Message, user int64) (any, error) {
		member, err := b.GetChatMember(m.Chat.Id, user, nil)
		if err != nil {
			return nil, err
		}
		return member.GetStatus(), nil
	},
	"administrators": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		all, err := b.GetChatAdministrators(m.Chat.Id, nil)
		return slices.ContainsFunc(all, func(member gotgbot.ChatMember) bool { return member.GetUser().IsBot }), err
	},
	"restrict": func(b *gotgbot.Bot, m *gotgbot.Message, user int64) (any, error) {
		if _, err := b.RestrictChatMember(m.Chat.Id, user, gotgbot.ChatPermissions{}, nil); err != nil {
			return nil, err
		}
		member, err := b.GetChatMember(m.Chat.Id, user, nil)
		if err != nil {
			return nil, err
		}
		return member.MergeChatMember().CanSendMessages, nil
	},
	"promote": func(b *gotgbot.Bot, m *gotgbot.Message, user int64) (any, error) {
		if _, err := b.PromoteChatMember(m.Chat.Id, user, &gotgbot.PromoteChatMemberOpts{CanPinMessages: true}); err != nil {
			return nil, err
		}
		if _, err := b.SetChatAdministratorCustomTitle(m.Chat.Id, user, "Chief", nil); err != nil {
			return nil, err
		}
		member, err := b.GetChatMember(m.Chat.Id, user, nil)
		if err != nil {
			return nil, err
		}
		return member.MergeChatMember().CustomTitle, nil
	},
	"ban": func(b *gotgbot.Bot, m *gotgbot.Message, user int64) (any, error) {
		if _, err := b.BanChatMember(m.Chat.Id, user, nil); err != nil {
			return nil, err
		}
		banned, err := b.GetChatMember(m.Chat.Id, user, nil)
		if err != nil {
			return nil, err
		}
		if _, err := b.UnbanChatMember(m.Chat.Id, user, nil); err != nil {
			return nil, err
		}
		unbanned, err := b.GetChatMember(m.Chat.Id, user, nil)
		if err != nil {
			return nil, err
		}
		return banned.GetStatus() + ", then " + unbanned.GetStatus(), nil
	},
	"title": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		if _, err := b.SetChatTitle(m.Chat.Id, "Another team", nil); err != nil {
			return nil, err
		}
		chat, err := b.GetChat(m.Chat.Id, nil)
		if err != nil {
			return nil, err
		}
		return chat.Title, nil
	},
	"invite": func(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
		link, err := b.CreateChatInviteLink(m.Chat.Id, &gotgbot.CreateChatInviteLinkOpts{MemberLimit: 3})
		if err != nil {
			return nil, err
		}
		return link.MemberLimit, nil
	},
}

func gotgbotKinds(b *gotgbot.Bot, m *gotgbot.Message, _ int64) (any, error) {
	var kinds []string
	for _, send := range []func() (*gotgbot.Message, error){
		func() (*gotgbot.Message, error) { return b.SendVideo(m.Chat.Id, gotgbotFile("a.mp4", "a video"), nil) },
		func() (*gotgbot.Message, error) { return b.SendAudio(m.Chat.Id, gotgbotFile("a.mp3", "music"), nil) },
		func() (*gotgbot.Message, error) { return b.SendVoice(m.Chat.Id, gotgbotFile("a.ogg", "a voice"), nil) },
		func() (*gotgbot.Message, error) {
			return b.SendAnimation(m.Chat.Id, gotgbotFile("a.gif", "moves"), nil)
		},
		func() (*gotgbot.Message, error) {
			return b.SendVideoNote(m.Chat.Id, gotgbotFile("a.mp4", "round"), nil)
		},
		func() (*gotgbot.Message, error) {
			return b.SendSticker(m.Chat.Id, gotgbotFile("a.webp", "sticks"), nil)
		},
	} {
		sent, err := send()
		if err != nil {
			return nil, err
		}
		switch {
		case sent.Video != nil:
			kinds = append(kinds, "video")
		case sent.Audio != nil:
			kinds = append(kinds, "audio")
		case sent.Voice != nil:
			kinds = append(kinds, "voice")
		case sent.Animation != nil:
			kinds = append(kinds, "animation")
		case sent.VideoNote != nil:
			kinds = append(kinds, "video_note")
		case sent.Sticker != nil:
			kinds = append(kinds, "sticker")
		}
	}
	return strings.Join(kinds, " "), nil
}

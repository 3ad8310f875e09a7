package tghook

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/tghook/tghook/internal/envelope"
	"github.com/tghook/tghook/internal/guard"
)

// Kind says what an update is about. It is the name of the field that holds
// the update's content. A kind that this package does not know is passed on unchanged.
type Kind string

// The kinds that Telegram sends, as of Bot API 10.3. Telegram leaves out
// [KindChatMember], [KindMessageReaction] and [KindMessageReactionCount] unless
// allowed_updates asks for them (https://core.telegram.org/bots/api#update).
const (
	KindMessage                  Kind = "message"
	KindEditedMessage            Kind = "edited_message"
	KindChannelPost              Kind = "channel_post"
	KindEditedChannelPost        Kind = "edited_channel_post"
	KindBusinessConnection       Kind = "business_connection"
	KindBusinessMessage          Kind = "business_message"
	KindEditedBusinessMessage    Kind = "edited_business_message"
	KindDeletedBusinessMessages  Kind = "deleted_business_messages"
	KindGuestMessage             Kind = "guest_message"
	KindMessageReaction          Kind = "message_reaction"
	KindMessageReactionCount     Kind = "message_reaction_count"
	KindInlineQuery              Kind = "inline_query"
	KindChosenInlineResult       Kind = "chosen_inline_result"
	KindCallbackQuery            Kind = "callback_query"
	KindShippingQuery            Kind = "shipping_query"
	KindPreCheckoutQuery         Kind = "pre_checkout_query"
	KindPurchasedPaidMedia       Kind = "purchased_paid_media"
	KindPoll                     Kind = "poll"
	KindPollAnswer               Kind = "poll_answer"
	KindMyChatMember             Kind = "my_chat_member"
	KindChatMember               Kind = "chat_member"
	KindChatJoinRequest          Kind = "chat_join_request"
	KindChatBoost                Kind = "chat_boost"
	KindRemovedChatBoost         Kind = "removed_chat_boost"
	KindManagedBot               Kind = "managed_bot"
	KindSubscription             Kind = "subscription"
	KindStoppedMessageGeneration Kind = "stopped_message_generation"
)

// How long an update is remembered: as long as Telegram delivers it again, and
// the time that a last attempt may take. Source: tdlib/telegram-bot-api,
// Client::add_update_impl and its callers.
const (
	attemptTime    = 3 * time.Minute
	inlineMemory   = 30*time.Second + attemptTime
	callbackMemory = 150*time.Second + attemptTime
	chosenMemory   = 600*time.Second + attemptTime
	messageMemory  = 24*time.Hour + attemptTime
)

var memories = []time.Duration{inlineMemory, callbackMemory, chosenMemory, messageMemory}

func (k Kind) memory() time.Duration {
	switch k {
	case KindInlineQuery:
		return inlineMemory
	case KindCallbackQuery, KindShippingQuery, KindPreCheckoutQuery:
		return callbackMemory
	case KindChosenInlineResult:
		return chosenMemory
	default:
		return messageMemory
	}
}

// nextDelivery is how long Telegram waits after the n-th delivery of an update that got no
// answer: 0, 2, 4, 8, 16, 32 and then about 64 to 120 seconds. Source:
// tdlib/telegram-bot-api, WebhookActor::on_update_error.
func nextDelivery(n int) time.Duration {
	if n <= 1 {
		return 0
	}
	return min(time.Second<<min(n-1, 7), 2*time.Minute)
}

// Update is one update: the fields that are needed to deliver it, and all of it as
// Telegram sent it (Raw). It is plain data. A handler must not
// change it. Reading it is safe for concurrent use.
type Update struct {
	// ID is update_id, unique within one bot.
	ID int64
	// Kind is empty only for an update without a kind. Such an update goes to
	// DeadLetter, and not to the handler.
	Kind Kind
	// ChatID is the chat. It is 0 if the kind has no chat.
	ChatID int64
	// UserID is the user who acted (from, user). It is 0 if the kind has none, and for
	// a message or post that was sent as a chat (sender_chat). For a
	// message_reaction by a chat it is that chat's id (actor_chat).
	UserID int64
	// Date is when it happened, in Unix seconds: edit_date of an edited message, add_date of
	// a chat_boost, remove_date of a removed_chat_boost, and date of messages, posts and
	// others that have one. It is 0 if the update does not say: for
	// queries, for a callback_query (the date of its message is not that of the press),
	// a business_connection (its date stays that of its beginning), polls, payments,
	// subscriptions, deleted messages and kinds that this package does not know.
	Date int64
	// ThreadID is message_thread_id: the topic of a forum or of a private chat with
	// topics, and in another supergroup the thread of replies (there is_topic_message is
	// not set). A message has it, the message below the button of a callback_query, and a
	// stopped_message_generation. It is 0 for all others, and in the topic General.
	ThreadID int64
	// Raw is the update's JSON. It belongs to the update and stays valid.
	Raw json.RawMessage

	more *more // nil for most
}

// more is what few updates have.
type more struct {
	pollID  string    // the lane of poll and poll_answer
	albumID string    // media_group_id of an item of an album
	album   *albumRun // that the update stands for
}

// ErrNoKind says that an update is well formed, and has no member that could be a kind.
// Its [DecodeError] wraps it.
var ErrNoKind = errors.New("no kind of update in it")

// ParseUpdate reads one update from its JSON, in one pass. It also checks that data is
// exactly one well-formed JSON object with an integer
// update_id. The update keeps data, which must not change afterwards. It is
// safe for concurrent use.
//
// If an object has a key twice, the last one applies. If an update has two kinds, the first
// known one applies. An id or date that is not a 64-bit integer is 0.
//
// The error is a *[DecodeError], which says where the fault is. If it wraps [ErrNoKind], the
// update is returned too, with ID and Raw set. Give it to [Dispatcher.Do], which makes it a
// dead letter. With any other error the update is nil.
func ParseUpdate(data []byte) (*Update, error) {
	e, err := envelope.Scan(data)
	if err != nil && !errors.Is(err, envelope.ErrNoKind) {
		decodeErr := &DecodeError{Err: err}
		var syntax *envelope.SyntaxError
		if errors.As(err, &syntax) {
			decodeErr.Excerpt = envelope.Excerpt(data, syntax.Offset)
		}
		return nil, decodeErr
	}
	u := &Update{
		ID:       e.ID,
		Kind:     Kind(e.Kind),
		ChatID:   e.ChatID,
		UserID:   e.UserID,
		Date:     e.Date,
		ThreadID: e.ThreadID,
		Raw:      data,
	}
	if e.PollID != nil || len(e.AlbumID) > 0 {
		u.more = &more{pollID: string(e.PollID), albumID: string(e.AlbumID)}
	}
	if err != nil {
		return u, &DecodeError{UpdateID: e.ID, Excerpt: envelope.Excerpt(data, 0), Err: ErrNoKind}
	}
	return u, nil
}

// Decode unmarshals the whole update into v with encoding/json. Its error is a
// *[DecodeError]. If a handler returns it, the update becomes a dead letter, because no
// redelivery would change the update.
func (u *Update) Decode(v any) error { return u.decode(json.Unmarshal, v) }

func (u *Update) decode(unmarshal func([]byte, any) error, v any) error {
	err := guard.Call(func() error { return unmarshal(u.Raw, v) })
	if err != nil {
		return &DecodeError{UpdateID: u.ID, Err: err}
	}
	return nil
}

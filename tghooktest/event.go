package tghooktest

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/world"
)

// EventKind says what an [Event] is about, and which of its fields are set.
type EventKind string

// The kinds of events: of chats, of what the bot answers to a user, of users and bots, of
// updates and calls, and of the Server. Each has Seq, At and Kind, and those of one bot have
// Bot. What else is set stands beside it.
//
// Events of chats and of answers come from acts of users and of the bot. They have ChatID,
// and Business in the chats of business accounts. If a call did it, they have CallID.
const (
	EventMessage  EventKind = "message"  // MessageID, UserID of the sender, Text as Message.Text, Object: Message
	EventEdit     EventKind = "edit"     // as of EventMessage, after the edit
	EventDelete   EventKind = "delete"   // MessageID
	EventReaction EventKind = "reaction" // MessageID, UserID, Object: what the user's reactions are now, an array of ReactionType
	EventPoll     EventKind = "poll"     // MessageID, Object: Poll
	EventDraft    EventKind = "draft"    // UserID, Object: draft_id, text, can_stop, until_date; null when the draft is gone
	EventAction   EventKind = "action"   // Text: such as typing, which users see for 5 seconds; cancel when it ends before
	EventKeyboard EventKind = "keyboard" // UserID, Object: the ReplyKeyboardMarkup or ForceReply that the user has now, or null
	EventPin      EventKind = "pin"      // Object: the ids of the messages that are pinned now, the newest last
	EventMember   EventKind = "member"   // UserID, Object: ChatMember
	EventChat     EventKind = "chat"     // a new chat, or a change of its title, picture, topics, permissions, requests, Object: Chat

	EventAnswer  EventKind = "answer"  // the bot's answer to a press of a button, UserID, MessageID, Object: id, text, show_alert, url
	EventInline  EventKind = "inline"  // the bot's answer to an inline query, UserID, Object: id, results, next_offset, button
	EventPayment EventKind = "payment" // a step of a payment, UserID, MessageID of the invoice, Object: id, state, error

	EventUser     EventKind = "user"     // a new user, or a change, UserID, Object: User with blocked
	EventCommands EventKind = "commands" // the bot has changed a list of commands, Object: that of the scope default
	EventBot      EventKind = "bot"      // a new bot, or a change of its name or menu button, Object: User
	EventBotGone  EventKind = "bot_gone" // the bot was closed
	EventWebhook  EventKind = "webhook"  // Text: URL of the webhook that was set; empty if it was deleted

	EventQueued          EventKind = "queued"           // a new update, UpdateID, Text: its kind, Object: Update
	EventDeliveryStarted EventKind = "delivery_started" // UpdateID, Delivery
	EventDelivery        EventKind = "delivery"         // an attempt has ended, UpdateID, Delivery
	EventConfirmed       EventKind = "confirmed"        // an update is done: it was delivered, or getUpdates has confirmed it, UpdateID
	EventDropped         EventKind = "dropped"          // an update is lost: it is too old, or drop_pending_updates, UpdateID
	EventCallStarted     EventKind = "call_started"     // CallID, Call without its answer
	EventCall            EventKind = "call"             // a call was answered, CallID, Call
	EventRefusedReply    EventKind = "refused_reply"    // UpdateID, Text: see RefusedReplies
	EventWarning         EventKind = "warning"          // Text: see ServerConfig.Warn

	EventTime  EventKind = "time"  // the time was changed by Advance, or its speed by SetSpeed, Text: such as 1h0m0s, or 60
	EventReset EventKind = "reset" // Reset was called
	EventLost  EventKind = "lost"  // Lost events before this one were dropped, because the function of Watch is slow
)

// Event is something that happened on a Server: see [Server.Watch].
type Event struct {
	Seq  int64 // 1 for the first event of the Server that somebody watched, and one more for each
	At   time.Time
	Kind EventKind
	Bot  int64

	ChatID    int64
	Business  string // business_connection_id
	ThreadID  int64  // message_thread_id
	MessageID int64
	UserID    int64
	UpdateID  int64
	CallID    int64 // see Call.ID
	Text      string
	Object    json.RawMessage // must not be changed
	Call      *Call           // must not be changed
	Delivery  *Delivery       // must not be changed
	Lost      int
}

// size is about how many bytes of memory an event takes.
func (e *Event) size() int {
	const fixed = 300
	n := fixed + len(e.Text) + len(e.Object)
	if e.Call != nil {
		n += e.Call.size()
	}
	if e.Delivery != nil {
		n += e.Delivery.size()
	}
	return n
}

// note tells the watchers of an event of the bot. It may be called under locks.
func (b *bot) note(e Event) {
	e.Bot = b.id
	b.watchers.tell(e)
}

// noteWorld tells the watchers of an event in the bot's world.
func (b *bot) noteWorld(e world.Event) {
	b.note(Event{
		Kind: EventKind(e.Kind), ChatID: e.Chat, Business: e.Business, ThreadID: e.Thread, MessageID: e.Message, UserID: e.User,
		CallID: e.Call, Text: e.Text, Object: e.Object,
	})
}

// noteQueued tells the watchers of a new update. It may be called under locks.
func (b *bot) noteQueued(u queue.Update) {
	if b.watchers.watched() {
		b.note(Event{Kind: EventQueued, UpdateID: u.ID, Text: u.Kind, Object: u.Body})
	}
}

// noteDelivery tells the watchers of an attempt that has ended, and of the end of its update.
func (b *bot) noteDelivery(d Delivery) {
	if b.watchers.watched() {
		b.note(Event{Kind: EventDelivery, UpdateID: d.UpdateID, Delivery: &d})
		if d.Done || d.Dropped {
			b.noteGone(d.UpdateID, d.Done)
		}
	}
}

// noteGone tells the watchers that an update waits no more. It may be called under locks.
func (b *bot) noteGone(update int64, confirmed bool) {
	kind := EventDropped
	if confirmed {
		kind = EventConfirmed
	}
	b.note(Event{Kind: kind, UpdateID: update})
}

// noteWebhook tells the watchers which webhook is set. b.mu is held.
func (b *bot) noteWebhook() {
	b.note(Event{Kind: EventWebhook, Text: strings.ReplaceAll(b.webhook.url, b.cfg.Token, "<token>")})
}

// noteBot tells the watchers of a new bot.
func (b *bot) noteBot() {
	if b.watchers.watched() {
		b.note(Event{Kind: EventBot, Object: b.world.Me()})
	}
}

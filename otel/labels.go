package oteltghook

import (
	"github.com/tghook/tghook"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// The attributes that are not in the semantic conventions. Those of metrics have few values,
// and none of them says who wrote to the bot.
const (
	botKey         = attribute.Key("tghook.bot")
	kindKey        = attribute.Key("tghook.kind")
	outcomeKey     = attribute.Key("tghook.outcome")
	replyKey       = attribute.Key("tghook.reply")
	storeMethodKey = attribute.Key("tghook.store.method")
	storeResultKey = attribute.Key("tghook.store.result")
	attemptKey     = attribute.Key("tghook.attempt") // of spans only
	lateKey        = attribute.Key("tghook.late")    // of spans only
)

// What the semantic conventions say of every attempt.
var (
	system        = semconv.MessagingSystemKey.String("telegram")
	operation     = semconv.MessagingOperationName("process")
	operationType = semconv.MessagingOperationTypeProcess
)

const (
	none  = "none"  // there is no kind
	other = "other" // newer than this package, or made up by a sender
)

// kinds are the kinds that a label may name. Others come from outside, and their number is
// not bounded.
var kinds = known(
	tghook.KindMessage, tghook.KindEditedMessage, tghook.KindChannelPost, tghook.KindEditedChannelPost,
	tghook.KindBusinessConnection, tghook.KindBusinessMessage, tghook.KindEditedBusinessMessage, tghook.KindDeletedBusinessMessages,
	tghook.KindGuestMessage, tghook.KindMessageReaction, tghook.KindMessageReactionCount, tghook.KindInlineQuery,
	tghook.KindChosenInlineResult, tghook.KindCallbackQuery, tghook.KindShippingQuery, tghook.KindPreCheckoutQuery,
	tghook.KindPurchasedPaidMedia, tghook.KindPoll, tghook.KindPollAnswer, tghook.KindMyChatMember, tghook.KindChatMember,
	tghook.KindChatJoinRequest, tghook.KindChatBoost, tghook.KindRemovedChatBoost, tghook.KindManagedBot,
	tghook.KindSubscription, tghook.KindStoppedMessageGeneration,
)

// An outcome says what a Delivery with it means for the metrics.
type outcome struct {
	run    bool // of a run of the handler, or of DeadLetter alone
	failed bool // its error is a reason, and not only something that went wrong besides
	dead   bool // the update was given up
	waits  bool // Delivery.Waited is the time until the handler's turn
}

var outcomes = map[tghook.Outcome]outcome{
	tghook.OutcomeHandled:      {run: true, waits: true},
	tghook.OutcomeReplied:      {run: true, waits: true},
	tghook.OutcomeJoined:       {},
	tghook.OutcomeDuplicate:    {},
	tghook.OutcomeLate:         {failed: true, waits: true},
	tghook.OutcomeDropped:      {run: true, failed: true, dead: true, waits: true},
	tghook.OutcomeDeadLettered: {run: true, failed: true, dead: true, waits: true},
	tghook.OutcomeAbandoned:    {run: true, failed: true, dead: true, waits: true},
	tghook.OutcomeShed:         {failed: true},
	tghook.OutcomeRejected:     {failed: true},
	tghook.OutcomeFailed:       {run: true, failed: true, waits: true},
	tghook.OutcomeReplyLost:    {run: true, failed: true, waits: true},
	tghook.OutcomeGathered:     {},
	tghook.OutcomePinning:      {},
	tghook.OutcomeCallLost:     {failed: true},
}

func known(list ...tghook.Kind) map[tghook.Kind]bool {
	set := make(map[tghook.Kind]bool, len(list))
	for _, kind := range list {
		set[kind] = true
	}
	return set
}

// kindOf returns the kind of u as a label.
func kindOf(u *tghook.Update) string {
	switch {
	case u == nil, u.Kind == "":
		return none
	case kinds[u.Kind]:
		return string(u.Kind)
	}
	return other
}

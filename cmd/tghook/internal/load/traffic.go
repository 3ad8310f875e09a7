package load

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tidwall/sjson"

	"github.com/tghook/tghook/tghooktest"
)

// traffic makes the updates of many chats, of which a few write most. Message ids and query
// ids come again, so that the simulated Telegram need not remember more and more of them.
type traffic struct {
	random *rand.Rand
	chats  *rand.Zipf
	total  int
	id     int64
}

// share is how often a kind of update comes, and where its chat and its user stand.
type share struct {
	kind   string
	weight int
	paths  []string // of the ids of the chat and its user
	number string   // path of the message's id
}

var mix = []share{
	{"message", 68, []string{"message.chat.id", "message.from.id"}, "message.message_id"},
	{"callback_query", 16, []string{"callback_query.from.id", "callback_query.message.chat.id"}, "callback_query.message.message_id"},
	{"inline_query", 6, []string{"inline_query.from.id"}, ""},
	{"edited_message", 4, []string{"edited_message.chat.id", "edited_message.from.id"}, "edited_message.message_id"},
	{"message_reaction", 2, []string{"message_reaction.chat.id", "message_reaction.user.id"}, "message_reaction.message_id"},
	{"message_large", 2, []string{"message.chat.id", "message.from.id"}, "message.message_id"},
	{"my_chat_member", 1, []string{"my_chat_member.chat.id", "my_chat_member.from.id"}, ""},
	{"poll_answer", 1, []string{"poll_answer.user.id"}, ""},
}

const (
	firstChat = 5_000_000_000
	messages  = 50 // of a chat
)

// newTraffic returns the traffic of that many chats. The same seed makes the same traffic.
func newTraffic(seed uint64, chats int) *traffic {
	random := rand.New(rand.NewPCG(seed, 0))                                                       //nolint:gosec // not a secret
	t := &traffic{random: random, chats: rand.NewZipf(random, 1.1, 10, uint64(chats-1)), id: 1000} //nolint:gosec // chats is positive
	for _, s := range mix {
		t.total += s.weight
	}
	return t
}

// next returns an update and its kind.
func (t *traffic) next() (update []byte, kind string) {
	s := t.pick()
	kind = strings.TrimSuffix(s.kind, "_large")
	update = tghooktest.Update(s.kind)
	t.id++
	change := func(path string, value any) { update, _ = sjson.SetBytes(update, path, value) }
	change("update_id", t.id)
	chat := firstChat + int64(t.chats.Uint64()) //nolint:gosec // below the number of chats
	for _, path := range s.paths {
		change(path, chat)
	}
	if s.number != "" {
		change(s.number, 1+t.random.IntN(messages))
	}
	if kind == "message" || kind == "edited_message" {
		change(kind+".date", time.Now().Unix())
	}
	if s.kind == "message" {
		length := 3 + int(t.random.ExpFloat64()*40)
		change("message.text", strings.Repeat("lorem ipsum ", length/12+1)[:length])
		change("message.entities", []any{})
	}
	return update, kind
}

func (t *traffic) pick() share {
	n := t.random.IntN(t.total)
	for _, s := range mix {
		if n -= s.weight; n < 0 {
			return s
		}
	}
	return mix[0]
}

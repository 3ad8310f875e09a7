package thirdparty_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
	"github.com/go-telegram/bot/models"
	goccy "github.com/goccy/go-json"
	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// seen holds the parts of an update that a handler found in its library's type.
type seen struct {
	updateID, chatID int64
	text             string
	envelope         *tghook.Update
}

// libraries are the types of update under test. Each entry makes a handler that reports
// the update that it got. refuses names the bodies of newer for which the library's own
// decoder returns an error: such a body must become a dead letter.
var libraries = []struct {
	name    string
	handler func(report func(seen)) tghook.Handler
	refuses []string
}{
	{"go-telegram/bot", typed(readModels), []string{"chat_member status", "reaction type"}},
	{"go-telegram/bot by goccy/go-json", typedWith(goccy.Unmarshal, readModels), []string{"chat_member status", "reaction type"}},
	{"telego", typed(readTelego), []string{"chat_member status", "reaction type"}},
	{"telebot", typed(readTelebot), nil},
	{"telegram-bot-api", typed(readTgbotapi), nil},
}

func readModels(u *models.Update) seen {
	s := seen{updateID: u.ID}
	if u.Message != nil {
		s.text, s.chatID = u.Message.Text, u.Message.Chat.ID
	}
	return s
}

func readTelego(u *telego.Update) seen {
	s := seen{updateID: int64(u.UpdateID)}
	if u.Message != nil {
		s.text, s.chatID = u.Message.Text, u.Message.Chat.ID
	}
	return s
}

func readTelebot(u *telebot.Update) seen {
	s := seen{updateID: int64(u.ID)}
	if u.Message != nil {
		s.text, s.chatID = u.Message.Text, u.Message.Chat.ID
	}
	return s
}

func readTgbotapi(u *tgbotapi.Update) seen {
	s := seen{updateID: int64(u.UpdateID)}
	if u.Message != nil {
		s.text, s.chatID = u.Message.Text, u.Message.Chat.ID
	}
	return s
}

func typed[T any](read func(*T) seen) func(func(seen)) tghook.Handler {
	return func(report func(seen)) tghook.Handler { return tghook.Typed(reporting(read, report)) }
}

func typedWith[T any](unmarshal func([]byte, any) error, read func(*T) seen) func(func(seen)) tghook.Handler {
	return func(report func(seen)) tghook.Handler { return tghook.TypedWith(unmarshal, reporting(read, report)) }
}

func reporting[T any](read func(*T) seen, report func(seen)) func(context.Context, *T) (tghook.Reply, error) {
	return func(ctx context.Context, u *T) (tghook.Reply, error) {
		s := read(u)
		s.envelope, _ = tghook.FromContext(ctx)
		report(s)
		return tghook.NoReply, nil
	}
}

// deadLetter is one call of DispatchConfig.DeadLetter.
type deadLetter struct {
	update *tghook.Update
	err    error
}

// deliver has body handled once and returns the update, the reports of the handler and the
// dead letters. The update must have been acknowledged.
func deliver(t *testing.T, handler func(func(seen)) tghook.Handler, body []byte) (*tghook.Update, []seen, []deadLetter) {
	t.Helper()
	var handled []seen
	var dead []deadLetter
	d, err := tghook.NewDispatcher(
		handler(func(s seen) { handled = append(handled, s) }),
		tghook.DispatchConfig{DeadLetter: func(_ context.Context, u *tghook.Update, err error) error {
			dead = append(dead, deadLetter{u, err})
			return nil
		}},
	)
	require.NoError(t, err)
	u, err := tghook.ParseUpdate(bytes.Clone(body))
	require.NoError(t, err)
	reply, err := d.Do(t.Context(), u)
	if err != nil {
		t.Errorf("Do: %v; the update would come again", err)
	}
	assert.Empty(t, reply.Method, "the reply")
	if err := d.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	return u, handled, dead
}

func wantHandled(t *testing.T, body []byte, u *tghook.Update, handled []seen, dead []deadLetter) {
	t.Helper()
	if len(dead) != 0 {
		t.Fatalf("dead letter: %v", dead[0].err)
	}
	if len(handled) != 1 {
		t.Fatalf("handled %d times, want once", len(handled))
	}
	got := handled[0]
	assert.Equal(t, u.ID, got.updateID, "the id of the library's update")
	assert.Equal(t, u, got.envelope, "FromContext")
	if !bytes.Equal(u.Raw, body) {
		t.Errorf("Raw is not the body:\n%s", u.Raw)
	}
}

func wantDeadLetter(t *testing.T, body []byte, u *tghook.Update, handled []seen, dead []deadLetter) {
	t.Helper()
	assert.Empty(t, handled, "handled")
	require.Len(t, dead, 1)
	assert.Equal(t, u.ID, dead[0].update.ID)
	assert.Equal(t, string(body), string(dead[0].update.Raw), "the dead letter")
	var decode *tghook.DecodeError
	if !errors.As(dead[0].err, &decode) {
		t.Errorf("dead letter's error is a %T: %v", dead[0].err, dead[0].err)
	}
}

func TestTypedHoldsEveryKind(t *testing.T) {
	for _, lib := range libraries {
		t.Run(lib.name, func(t *testing.T) {
			for name, body := range tghooktest.Updates() {
				t.Run(name, func(t *testing.T) {
					u, handled, dead := deliver(t, lib.handler, body)
					wantHandled(t, body, u, handled, dead)
				})
			}
		})
	}
}

func TestTypedMessage(t *testing.T) {
	const wantText = "/start привіт 👋🏽 \u202emixed\u202c line\nsecond \"quoted\" </line>"
	const wantChat = 7244100913
	for _, lib := range libraries {
		t.Run(lib.name, func(t *testing.T) {
			body := tghooktest.Update("message")
			u, handled, dead := deliver(t, lib.handler, body)
			wantHandled(t, body, u, handled, dead)
			assert.Equal(t, wantText, handled[0].text)
			assert.Equal(t, int64(wantChat), handled[0].chatID)
		})
	}
}

// These updates have a sound envelope, and content that fits no library's types.
func TestTypedDeadLettersWhatNoTypeHolds(t *testing.T) {
	bodies := map[string]string{
		"message_id is text": `{"update_id":7,"message":{"message_id":"not a number","date":1,"chat":{"id":5,"type":"private"}}}`,
		"text is a number":   `{"update_id":7,"message":{"message_id":1,"date":1,"chat":{"id":5,"type":"private"},"text":42}}`,
		"chat is text":       `{"update_id":7,"message":{"message_id":1,"date":1,"chat":"none"}}`,
	}
	for _, lib := range libraries {
		t.Run(lib.name, func(t *testing.T) {
			for name, body := range bodies {
				t.Run(name, func(t *testing.T) {
					u, handled, dead := deliver(t, lib.handler, []byte(body))
					wantDeadLetter(t, []byte(body), u, handled, dead)
				})
			}
		})
	}
}

// newer holds values of unions that no library knows, as the next Bot API may have. Some
// decoders refuse them. That must not lose or block an update.
var newer = map[string]string{
	"chat_member status": `{"update_id":8,"chat_member":{"chat":{"id":-5,"type":"supergroup","title":"t"},` +
		`"from":{"id":6,"is_bot":false,"first_name":"f"},"date":1,` +
		`"old_chat_member":{"status":"left","user":{"id":6,"is_bot":false,"first_name":"f"}},` +
		`"new_chat_member":{"status":"hologram","user":{"id":6,"is_bot":false,"first_name":"f"}}}}`,
	"reaction type": `{"update_id":8,"message_reaction":{"chat":{"id":-5,"type":"supergroup","title":"t"},"message_id":1,` +
		`"user":{"id":6,"is_bot":false,"first_name":"f"},"date":1,"old_reaction":[],"new_reaction":[{"type":"hologram"}]}}`,
	"entity type": `{"update_id":8,"message":{"message_id":1,"date":1,"chat":{"id":5,"type":"private"},"text":"t",` +
		`"entities":[{"type":"hologram","offset":0,"length":1}]}}`,
	"kind":  `{"update_id":8,"hologram":{"chat":{"id":5,"type":"private"}}}`,
	"field": `{"update_id":8,"message":{"message_id":1,"date":1,"chat":{"id":5,"type":"private"},"hologram":{"a":[1,"b"]}}}`,
}

func TestTypedMeetsANewerBotAPI(t *testing.T) {
	for _, lib := range libraries {
		t.Run(lib.name, func(t *testing.T) {
			for _, name := range slices.Sorted(maps.Keys(newer)) {
				t.Run(name, func(t *testing.T) {
					body := []byte(newer[name])
					u, handled, dead := deliver(t, lib.handler, body)
					if slices.Contains(lib.refuses, name) {
						wantDeadLetter(t, body, u, handled, dead)
					} else {
						wantHandled(t, body, u, handled, dead)
					}
				})
			}
		})
	}
}

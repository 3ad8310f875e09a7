package promise_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// compressed delivers an update to a mount behind a middleware that compresses, and that says
// so before it knows the answer, as gorilla's CompressHandler does.
func compressed(r *rig.Bot, body string) string {
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Encoding", "gzip")
	req := httptest.NewRequestWithContext(r.TB.Context(), http.MethodPost, "/telegram", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	r.ServeHTTP(rec, req)
	assert.Equal(r.TB, []string{"gzip"}, rec.Header()["Content-Encoding"], "Content-Encoding")
	words := []string{http.StatusText(rec.Code), rec.Header().Get("Content-Type"), rec.Body.String()}
	return strings.TrimSpace(strings.Join(words, " "))
}

// sendPhoto is a handler that takes a while and replies with a photo.
func sendPhoto(takes time.Duration) tghook.HandlerFunc {
	return func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		time.Sleep(takes)
		return tghook.Reply{Method: "sendPhoto", Params: map[string]any{"chat_id": u.ChatID, "photo": tghook.File{Name: "a.png", Body: strings.NewReader("PHOTO")}}}, nil
	}
}

const problem = "tghook: a reply with files cannot be in an answer that a middleware compresses: mount the webhook outside of that middleware"

// Telegram never comes to the end of a large file in gzip, so that the update would come
// again for ever.
func TestAFileIsNotInAnAnswerThatAMiddlewareCompresses(t *testing.T) {
	late := tghook.Config{LateAfter: time.Second}
	t.Run("but any other reply is", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, nil))
			assert.Equal(t, strings.Replace(rig.HelloAnswer, "200", "OK", 1), compressed(r, rig.MessageIn(7, 1)))
		})
	})
	t.Run("but goes by Caller", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}, sendPhoto(0))
			for range 2 {
				assert.Equal(t, "OK", compressed(r, rig.MessageIn(7, 1)))
			}
			r.Did(rig.Counts{Runs: 1, Calls: 1})
			assert.Equal(t, "replied/1/200 duplicate/0/200", r.Outcomes())
		})
	})
	t.Run("but is lost without a Caller, and Observe sees why", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, sendPhoto(0))
			assert.Equal(t, "OK", compressed(r, rig.MessageIn(7, 1)))
			assert.Equal(t, "reply_lost/1/200", r.Outcomes())
			require.EqualError(t, r.Last().Err, problem+"; there is no Caller to send it with")
		})
	})
	t.Run("but goes by Caller as soon as a redelivery comes there", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			late := late
			late.Dispatch.Caller = &rig.Caller{}
			r := rig.NewBot(t, late, sendPhoto(2*time.Second))
			assert.Equal(t, "Service Unavailable", compressed(r, rig.MessageIn(7, 1)))
			rig.Pass(2 * time.Second)
			for range 2 {
				assert.Equal(t, "OK", compressed(r, rig.MessageIn(7, 1)))
				rig.Pass(0)
				r.Did(rig.Counts{Runs: 1, Calls: 1})
			}
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1, Calls: 1})
			assert.ElementsMatch(t, strings.Fields("late/1/503/late duplicate/1/200/late replied/1/0/late duplicate/0/200"), strings.Fields(r.Outcomes()))
			assert.Equal(t, 0, r.Stats().Unacknowledged, "unacknowledged")
		})
	})
	t.Run("but is lost without a Caller when a redelivery comes there", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, late, sendPhoto(2*time.Second))
			assert.Equal(t, "Service Unavailable", compressed(r, rig.MessageIn(7, 1)))
			rig.Pass(2 * time.Second)
			assert.Equal(t, "OK", compressed(r, rig.MessageIn(7, 1)))
			rig.Pass(0)
			assert.ElementsMatch(t, strings.Fields("late/1/503/late duplicate/1/200/late reply_lost/1/0/late"), strings.Fields(r.Outcomes()))
			assert.Equal(t, 0, r.Stats().Unacknowledged, "unacknowledged")
		})
	})
	t.Run("though it was in another answer before", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, sendPhoto(0))
			assert.Contains(t, r.Post(rig.MessageIn(7, 1)), "PHOTO")
			assert.Equal(t, "OK", compressed(r, rig.MessageIn(7, 1)))
			require.EqualError(t, r.Last().Err, problem)
			assert.Contains(t, r.Post(rig.MessageIn(7, 1)), "PHOTO")
		})
	})
	t.Run("nor is the call of a library that has one", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			contentType, body := namedForm(t, 7, "a.png")
			api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) { return rig.APIAnswer(200, rig.APIOK), nil }}
			lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
			r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				_, err := lib.Post(ctx, "setChatPhoto", contentType, bytes.NewReader(body))
				return tghook.NoReply, err
			})
			assert.Equal(t, "OK", compressed(r, rig.MessageIn(7, 1)))
			assert.Len(t, api.All(), 1, "calls")
			assert.Equal(t, "replied/1/200", r.Outcomes())
		})
	})
}

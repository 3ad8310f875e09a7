package check_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/check"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// watched checks a receiver whose bot calls the API of the check.
func watched(t *testing.T, receiver func(*tghook.Client) http.Handler) map[string]check.Result {
	t.Helper()
	api, err := check.StartAPI("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(api.Close)
	bot, err := tghook.NewClient("777:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", tghook.ClientConfig{BaseURL: api.URL()})
	require.NoError(t, err)
	server := httptest.NewServer(receiver(bot))
	t.Cleanup(server.Close)
	target, err := wire.NewTarget(wire.Config{URL: server.URL, Secret: secret})
	require.NoError(t, err)
	results, err := check.Run(t.Context(), check.Config{Target: target, Patience: patience, API: api})
	require.NoError(t, err)
	byName := map[string]check.Result{}
	for _, r := range results {
		byName[r.Name] = r
	}
	return byName
}

func greet(bot *tghook.Client, chat int64) error {
	return bot.Call(context.Background(), "sendMessage", map[string]any{"chat_id": chat, "text": "hello"}, nil)
}

func TestTheHandlerOfTghookRunsOnce(t *testing.T) {
	t.Parallel()
	results := watched(t, func(bot *tghook.Client) http.Handler {
		hook, err := tghook.New(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.Kind != tghook.KindMessage {
				return tghook.NoReply, nil
			}
			return tghook.NoReply, greet(bot, u.ChatID)
		}), tghook.Config{Secret: secret, Dispatch: tghook.DispatchConfig{Logger: slog.New(slog.DiscardHandler)}})
		require.NoError(t, err)
		return hook
	})
	for _, r := range results {
		requireSound(t, r)
	}
	require.Contains(t, results, "handles-an-update-once")
	require.Contains(t, results, "answers-after-the-work")
}

// plain is a receiver that knows no update_id. Its bot acts by act.
func plain(act func(chat int64)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		lines := r.Header[wire.SecretHeader]
		switch {
		case r.Method != http.MethodPost:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case len(lines) != 1 || lines[0] != secret:
			w.WriteHeader(http.StatusUnauthorized)
		case gjson.GetBytes(body, "message.text").String() == "work":
			act(gjson.GetBytes(body, "message.chat.id").Int())
		}
	})
}

func TestAHandlerThatRunsTwiceIsSeen(t *testing.T) {
	t.Parallel()
	results := watched(t, func(bot *tghook.Client) http.Handler {
		return plain(func(chat int64) { _ = greet(bot, chat) })
	})
	require.Equal(t, check.Fault, results["handles-an-update-once"].Verdict)
	require.Equal(t, "one delivery led to 1 calls, two at once to 2, and one more later to 1 more", results["handles-an-update-once"].Evidence)
	require.Equal(t, check.OK, results["answers-after-the-work"].Verdict)
}

func TestAnEarlyAnswerIsSeen(t *testing.T) {
	t.Parallel()
	results := watched(t, func(bot *tghook.Client) http.Handler {
		return plain(func(chat int64) {
			go func() { // the check waits as long as calls come, and so until there is one after the answer
				for range 40 {
					time.Sleep(50 * time.Millisecond)
					_ = greet(bot, chat)
				}
			}()
		})
	})
	require.Equal(t, check.Advice, results["answers-after-the-work"].Verdict)
}

func TestABotThatDoesNotCallIsNotJudged(t *testing.T) {
	t.Parallel()
	results := watched(t, func(*tghook.Client) http.Handler { return plain(func(int64) {}) })
	require.Equal(t, check.Unknown, results["answers-after-the-work"].Verdict)
	require.Equal(t, check.Unknown, results["handles-an-update-once"].Verdict)
}

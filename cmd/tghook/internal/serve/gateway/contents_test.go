package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
)

// A bot that fails may show its own calls of the Bot API.
func TestTheTokenInThePageOfABotIsNotInTheHistory(t *testing.T) {
	var half string // the secret one
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.MaxAttempts = 1
		f.Bots = []*config.Bot{b}
		_, half, _ = strings.Cut(r.tg.Token, ":")
	})
	bot.reply(func(w http.ResponseWriter, _ string) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "POST /bot%s/getMe, token %s, half %s", r.tg.Token, r.tg.Token, half)
	})
	r.tg.User("Ann").Chat().Send("one")
	row := r.rows("delivery", 1)[0]
	_, x, err := r.storage.Row(t.Context(), row.ID)
	require.NoError(t, err)
	require.Equal(t, "POST /bot<token>/getMe, token <token>, half <token>", string(x.Answer))
}

// text is a log in memory.
type text struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes.Write(p)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes.String()
}

// bury lets an update that no gateway can post become a dead letter. It returns the log, and the
// error of its row in the history.
func bury(t *testing.T, change func(*config.Config), raw string) (log, row string) {
	t.Helper()
	r := newRig(t, func(f *config.Config, r *rig) {
		f.Bots = []*config.Bot{r.bot("http://127.0.0.1:1/")}
		change(f)
	})
	r.stop()
	<-r.ended
	lines := &text{}
	g := gateway.New(gateway.Config{File: r.file, Storage: r.storage, Meter: r.meter, Logger: slog.New(slog.NewTextHandler(lines, nil))})
	id := r.tg.Bot(t).Bot()
	require.NoError(t, r.storage.Queue().Publish(t.Context(), tghook.QueuedUpdate{Key: tghook.Key{Bot: id, ID: 7}, Raw: json.RawMessage(raw)}))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.Run(ctx)
	}()
	row = r.rows("warning", 1)[0].Error
	stop()
	<-ended
	letters, err := g.DeadLetters(t.Context(), "shop", "", 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, raw, string(letters[0].Raw))
	require.Contains(t, lines.String(), "an update is a dead letter")
	return lines.String(), row
}

func TestTheReasonOfADeadLetterHasContentsIfTheyMayBeKept(t *testing.T) {
	for name, raw := range map[string]string{
		"no kind": `{"update_id":7,"new_thing":"words of a user"}`,
		"no JSON": `{"update_id":7,"message":{"text":"words of a user",}}`,
	} {
		t.Run(name, func(t *testing.T) {
			log, row := bury(t, func(f *config.Config) { f.History.Bodies = false }, raw)
			require.NotContains(t, log, "words of a user")
			require.NotContains(t, row, "words of a user")
			require.Contains(t, log, "decode update")
			require.Contains(t, row, "decode update")

			log, row = bury(t, func(f *config.Config) { f.Log.Contents = true }, raw)
			require.Contains(t, log, "words of a user")
			require.Contains(t, row, "words of a user")
		})
	}
}

package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// hostile is a Queue with one update, which it does not bury.
type hostile struct {
	tghook.Queue // the methods that a test does not use

	raw   []byte
	taken bool
}

func (q *hostile) Take(ctx context.Context, bot int64, _ int, _ time.Duration) ([]tghook.QueuedUpdate, error) {
	if q.taken {
		<-ctx.Done()
		return nil, nil
	}
	q.taken = true
	return []tghook.QueuedUpdate{{Key: tghook.Key{Bot: bot, ID: 7}, Raw: q.raw}}, nil
}

func (q *hostile) Bury(context.Context, tghook.QueuedUpdate, string) error {
	return errors.New("the disk is full")
}

func (q *hostile) Return(context.Context, []tghook.QueuedUpdate) error { return nil }

// The library logs the reason before the queue has kept the dead letter.
func TestALetterThatTheQueueDoesNotKeepIsLoggedWithoutContents(t *testing.T) {
	for name, raw := range map[string]string{
		"no kind": `{"update_id":7,"new_thing":"words of a user"}`,
		"no JSON": `{"update_id":7,"message":{"text":"words of a user",}}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot("http://127.0.0.1:1/")} })
			r.eventually(func() bool { return len(r.gateway.Bots()) == 1 }, "the bot runs")
			cfg, err := r.gateway.ConsumeOf("shop")
			require.NoError(t, err)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- tghook.Consume(ctx, &hostile{raw: []byte(raw)}, tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }), cfg)
			}()
			r.eventually(func() bool { return strings.Contains(r.log.String(), "tghook: an update failed") }, "the library logs it")
			stop()
			require.NoError(t, <-ended)
			require.Contains(t, r.log.String(), "the disk is full")
			require.Contains(t, r.log.String(), "decode update")
			require.NotContains(t, r.log.String(), "words of")
		})
	}
}

func TestAWebhookThatCannotBeReadIsLoggedWithoutContents(t *testing.T) {
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot("http://127.0.0.1:1/")} })
	r.eventually(func() bool { return len(r.gateway.Bots()) == 1 }, "the bot runs")
	b := r.file.Bots[0]
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("/bots/%d", b.ID), strings.NewReader(`{"update_id":7,"message":{"text":"words of a user",}}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", b.Secret)
	w := httptest.NewRecorder()
	r.gateway.ServeHTTP(w, req)
	require.Equal(t, http.StatusBadRequest, w.Code)
	r.eventually(func() bool { return strings.Contains(r.log.String(), "request refused") }, "the library logs it")
	require.Contains(t, r.log.String(), "decode update")
	require.NotContains(t, r.log.String(), "words of")
}

// The library logs an update whole if its dead letter does not end.
func TestADeadLetterEndsIfTheQueueDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		defer close(hang)
		begun := time.Now()
		err := gateway.GiveUpInto(t.Context(), &slow{until: hang}, &tghook.Update{Raw: []byte(`{}`)})
		require.Error(t, err)
		require.Equal(t, 5*time.Second, time.Since(begun))
	})
}

// slow is a Queue that does not look at its context.
type slow struct {
	tghook.Queue

	until chan struct{}
}

func (q *slow) Publish(context.Context, ...tghook.QueuedUpdate) error {
	<-q.until
	return nil
}

func TestALineIsDiscreet(t *testing.T) {
	_, err := tghook.ParseUpdate([]byte(`{"update_id":7,"message":{"text":"words \"of\" a user",}}`))
	require.Error(t, err)
	cut, _, _ := strings.Cut(err.Error(), "words")
	lines := &text{}
	h := gateway.Discreet(slog.NewTextHandler(lines, nil)).WithGroup("bot")
	log := slog.New(h).With(slog.String("name", "shop"))
	log.Error("one", slog.Any("error", errors.Join(errors.New("before"), err, errors.New("after"))))
	log.Error("two", slog.String("error", cut+`words \`), slog.Int("count", 2))
	require.NotContains(t, lines.String(), "words")
	for _, part := range []string{"bot.name=shop", "before", "after", "decode update", "bot.count=2"} {
		require.Contains(t, lines.String(), part)
	}

	line := slog.NewRecord(time.Now(), slog.LevelError, "three", 0)
	line.AddAttrs(slog.String("update", "words"))
	require.ErrorContains(t, h.Handle(t.Context(), line), "log.contents", "nobody may take the update for kept")
	require.Contains(t, lines.String(), "three")
	require.NotContains(t, lines.String(), "words")
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

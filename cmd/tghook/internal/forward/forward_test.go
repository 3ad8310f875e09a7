package forward_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/forward"
	"github.com/tghook/tghook/cmd/tghook/internal/scrub"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

const secret = "forward-Secret_1"

// receiver is the local webhook. It keeps what it gets, and answers by answer.
type receiver struct {
	*httptest.Server

	answer func(w http.ResponseWriter, n int, body string)

	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, n int, body string)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.requests, r.bodies = append(r.requests, req), append(r.bodies, string(body))
		n := len(r.bodies)
		r.mu.Unlock()
		if r.answer != nil {
			r.answer(w, n, string(body))
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) texts() (texts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.bodies {
		texts = append(texts, gjson.Get(body, "message.text").String())
	}
	return texts
}

// a run of forward.
type run struct {
	forward.Config

	mu    sync.Mutex
	lines []forward.Line
	told  []string
	end   context.CancelFunc
	ended chan error
}

// begin starts forward between the Telegram and the receiver.
func begin(t *testing.T, tg *tghooktest.Server, to string, change ...func(*forward.Config)) *run {
	t.Helper()
	target, err := wire.NewTarget(wire.Config{URL: to + "/hook?x=1", Secret: secret})
	require.NoError(t, err)
	r := &run{ended: make(chan error, 1)}
	r.Config = forward.Config{
		Bot: tg.Bot(t), Target: target, Ledger: forward.Ledger{Dir: t.TempDir(), Token: tg.Token},
		Deliver: func(l forward.Line) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.lines = append(r.lines, l)
		},
		Tell: func(text string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.told = append(r.told, text)
		},
	}
	for _, f := range change {
		f(&r.Config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.end = cancel
	go func() { r.ended <- forward.Run(ctx, r.Config) }()
	t.Cleanup(cancel)
	return r
}

// stop ends the run and returns its error.
func (r *run) stop(t *testing.T) error {
	t.Helper()
	r.end()
	return r.result(t)
}

func (r *run) result(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(time.Minute):
		t.Fatal("forward has not ended")
		return nil
	}
}

func (r *run) seen() []forward.Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]forward.Line(nil), r.lines...)
}

func (r *run) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.told, "\n")
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, time.Minute, 5*time.Millisecond, what)
}

func TestUpdatesArriveAsFromTelegramAndAreConfirmed(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	update := tghooktest.Update("callback_query")
	_, err := tg.Deliver(update)
	require.NoError(t, err)
	r := begin(t, tg, to.URL)
	eventually(t, "the update is confirmed", func() bool { return tg.Pending() == 0 })
	to.mu.Lock()
	require.Equal(t, []string{string(update)}, to.bodies)
	req := to.requests[0]
	to.mu.Unlock()
	require.Equal(t, "/hook?x=1", req.RequestURI)
	require.Equal(t, http.Header{
		wire.SecretHeader: {secret}, "Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(update))},
		"Connection": {"keep-alive"}, "Accept-Encoding": {"gzip, deflate"},
	}, req.Header)
	require.NoError(t, r.stop(t))
	lines := r.seen()
	require.Len(t, lines, 1)
	require.Equal(t, gjson.GetBytes(update, "update_id").Int(), lines[0].UpdateID)
	require.Equal(t, 200, lines[0].Status)
	require.True(t, lines[0].Delivered)
}

func TestNothingIsConfirmedBeforeTheAnswer(t *testing.T) {
	tg := tghooktest.NewServer(t)
	hold, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	to := newReceiver(t, func(_ http.ResponseWriter, _ int, body string) {
		if strings.Contains(body, `"one"`) {
			once.Do(func() {
				close(hold)
				<-release
			})
		}
	})
	let := sync.OnceFunc(func() { close(release) })
	t.Cleanup(let)
	r := begin(t, tg, to.URL)
	tg.User("Zoë").Chat().Send("zero") // Telegram opens a second connection after the first success
	eventually(t, "the first update is confirmed", func() bool { return tg.Pending() == 0 })
	tg.User("Zoë").Chat().Send("one")
	<-hold
	tg.User("Ana").Chat().Send("two")
	eventually(t, "the other chat goes on", func() bool { return len(to.texts()) == 3 })
	require.NoError(t, r.stop(t)) // as a kill: the update has no answer
	let()
	require.Equal(t, 2, tg.Pending(), "Telegram keeps the update and all after it")

	again := begin(t, tg, to.URL)
	eventually(t, "both are confirmed", func() bool { return tg.Pending() == 0 })
	require.NoError(t, again.stop(t))
	require.Contains(t, to.texts()[3:], "one")
}

func TestAFailureIsRetriedAndHoldsBackItsChatAlone(t *testing.T) {
	tg := tghooktest.NewServer(t)
	var failed int // requests of a chat come one after another
	var other atomic.Bool
	to := newReceiver(t, func(w http.ResponseWriter, _ int, body string) {
		switch {
		case strings.Contains(body, `"other"`):
			other.Store(true)
		case strings.Contains(body, `"one"`) && (failed < 2 || !other.Load()):
			failed++
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	zoe := tg.User("Zoë").Chat()
	zoe.Send("one")
	zoe.Send("two")
	r := begin(t, tg, to.URL)
	eventually(t, "a failure", func() bool { return len(r.seen()) >= 1 })
	tg.User("Ana").Chat().Send("other")
	eventually(t, "all are confirmed", func() bool { return tg.Pending() == 0 })
	require.NoError(t, r.stop(t))
	texts := to.texts()
	var zoes []string
	for _, text := range texts {
		if text != "other" {
			zoes = append(zoes, text)
		}
	}
	want := append(slices.Repeat([]string{"one"}, failed+1), "two")
	require.Equal(t, want, zoes)
	require.Contains(t, texts[:len(texts)-1], "other", "another chat does not wait")
	require.Equal(t, "Wrong response from the webhook: 502 Bad Gateway", r.seen()[0].Error)
}

func TestRepliesAreExecutedByTelegram(t *testing.T) {
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	photo := bytes.Repeat([]byte("p"), 3000)
	to := newReceiver(t, func(w http.ResponseWriter, n int, body string) {
		chat := gjson.Get(body, "message.chat.id").Raw
		switch n {
		case 1:
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"method":"sendMessage","chat_id":%s,"text":"hello","reply_markup":{"inline_keyboard":[[{"text":"Go","callback_data":"go"}]]}}`, chat)
		case 2:
			m := multipart.NewWriter(w)
			w.Header().Set("Content-Type", m.FormDataContentType())
			_ = m.WriteField("method", "sendMediaGroup")
			_ = m.WriteField("chat_id", chat)
			_ = m.WriteField("media", `[{"type":"document","media":"attach://a"},{"type":"document","media":"attach://b","caption":"two"}]`)
			for _, name := range []string{"a", "b"} {
				part, _ := m.CreateFormFile(name, name+".txt")
				_, _ = part.Write(photo)
			}
			_ = m.Close()
		case 3:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"method":"sendMessage","chat_id":404404,"text":"lost"}`)
		}
	})
	r := begin(t, tg, to.URL)
	chat := tg.User("Zoë").Chat()
	chat.Send("one")
	chat.Expect(t, "hello")
	chat.Send("two")
	chat.Expect(t, "two")
	chat.Send("three")
	eventually(t, "all are confirmed", func() bool { return tg.Pending() == 0 })
	require.NoError(t, r.stop(t))
	calls := tg.Calls("sendMediaGroup")
	require.Len(t, calls, 1)
	require.Len(t, calls[0].Files, 2)
	for _, f := range calls[0].Files {
		require.Equal(t, photo, f.Content)
	}
	lines := r.seen()
	require.Len(t, lines, 3)
	require.Equal(t, "sendMessage", lines[0].Reply)
	require.Empty(t, lines[0].Refused)
	require.Equal(t, "400 Bad Request: chat not found", lines[2].Refused)
	require.True(t, lines[2].Delivered)
}

func TestAWebhookIsNotTakenOverUnasked(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	live := newReceiver(t, nil)
	require.NoError(t, tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: live.URL + "/" + tg.Token, SecretToken: "live", MaxConnections: 7}))
	var refused *forward.RefusedError
	for _, take := range []*forward.TakeOver{nil, {}} {
		r := begin(t, tg, to.URL, func(c *forward.Config) { c.TakeOver = take })
		err := r.result(t)
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, err.Error()+r.said(), tg.Token)
		info, err := tg.Bot(t).GetWebhookInfo(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, info.URL, "nothing was changed")
	}
	require.Empty(t, tg.Calls("deleteWebhook"))
}

func TestAWebhookIsPutBack(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	live := newReceiver(t, nil)
	url := live.URL + "/" + tg.Token
	require.NoError(t, tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: url, SecretToken: "live", MaxConnections: 7, AllowedUpdates: []string{"message"}}))
	var dir string
	r := begin(t, tg, to.URL, func(c *forward.Config) { c.TakeOver, dir = &forward.TakeOver{Secret: "live"}, c.Ledger.Dir })
	eventually(t, "the live webhook is taken over", func() bool { return strings.Contains(r.said(), "took over") })
	tg.User("Zoë").Chat().Send("one")
	eventually(t, "the update goes to the local webhook and is confirmed", func() bool { return len(to.texts()) == 1 && tg.Pending() == 0 })
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "a killed run can be mended")
	content, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	require.NoError(t, err)
	require.NotContains(t, string(content), tg.Token)
	require.NotContains(t, string(content), "live\"")

	require.NoError(t, r.stop(t))
	info, err := tg.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, url, info.URL)
	require.Equal(t, 7, info.MaxConnections)
	require.Equal(t, []string{"message"}, info.AllowedUpdates)
	files, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files)
	tg.User("Zoë").Chat().Send("two")
	eventually(t, "the live webhook works again", func() bool { return len(live.texts()) == 1 })
	live.mu.Lock()
	require.Equal(t, "live", live.requests[0].Header.Get(wire.SecretHeader))
	live.mu.Unlock()
	require.NotContains(t, r.said(), tg.Token)
}

// leaveBehind leaves what a run leaves that was killed after it had taken over a webhook.
func leaveBehind(t *testing.T, tg *tghooktest.Server, url string) forward.Ledger {
	t.Helper()
	ledger := forward.Ledger{Dir: t.TempDir(), Token: tg.Token}
	id, _, _ := strings.Cut(tg.Token, ":")
	entry := fmt.Sprintf(`{"at":"2026-01-02T03:04:05Z","url":%q,"max_connections":9}`, url)
	require.NoError(t, os.WriteFile(filepath.Join(ledger.Dir, "forward-"+id+".json"), []byte(entry), 0o600))
	return ledger
}

func TestAKilledRunIsMendedByTheNext(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	live := newReceiver(t, nil)
	ledger := leaveBehind(t, tg, live.URL+"/<token>")
	r := begin(t, tg, to.URL, func(c *forward.Config) { c.Ledger = ledger })
	eventually(t, "it says what to do", func() bool { return strings.Contains(r.said(), "tghook set") })
	require.NoError(t, r.stop(t))
	require.NotContains(t, r.said(), tg.Token)

	r = begin(t, tg, to.URL, func(c *forward.Config) { c.Ledger, c.TakeOver = ledger, &forward.TakeOver{Secret: "live"} })
	eventually(t, "it has begun", func() bool { return strings.Contains(r.said(), "puts it back") })
	require.NoError(t, r.stop(t))
	info, err := tg.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, live.URL+"/"+tg.Token, info.URL)
	require.Equal(t, 9, info.MaxConnections)
}

func TestAWebhookIsPutBackIfTheAnswerToItsDeletionIsLost(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	live := newReceiver(t, nil)
	require.NoError(t, tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: live.URL, SecretToken: "live"}))
	tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
		return tghooktest.CallFault{Cut: c.Method == "deleteWebhook"}
	})
	var ledger forward.Ledger
	r := begin(t, tg, to.URL, func(c *forward.Config) { c.TakeOver, ledger = &forward.TakeOver{Secret: "live"}, c.Ledger })
	require.Error(t, r.result(t))
	info, err := tg.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, live.URL, info.URL)
	files, err := os.ReadDir(ledger.Dir)
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestAnotherWebhookEndsTheRunAndStays(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	other := newReceiver(t, nil)
	r := begin(t, tg, to.URL)
	tg.User("Zoë").Chat().Send("one")
	eventually(t, "it polls", func() bool { return len(to.texts()) == 1 })
	require.NoError(t, tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: other.URL, SecretToken: "x"}))
	err := r.result(t)
	require.ErrorContains(t, err, "someone has set a webhook")
	info, err := tg.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, other.URL, info.URL)
}

func TestAWebhookThatSomeoneHasSetMeanwhileIsNotReplaced(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	live, other := newReceiver(t, nil), newReceiver(t, nil)
	require.NoError(t, tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: live.URL, SecretToken: "live"}))
	var ledger forward.Ledger
	r := begin(t, tg, to.URL, func(c *forward.Config) { c.TakeOver, ledger = &forward.TakeOver{Secret: "live"}, c.Ledger })
	eventually(t, "the live webhook is taken over", func() bool { return strings.Contains(r.said(), "took over") })
	patient, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, Local: true, Patience: time.Minute})
	require.NoError(t, err)
	require.NoError(t, patient.SetWebhook(t.Context(), tghook.WebhookRequest{URL: other.URL, SecretToken: "other"}))
	_ = r.stop(t)
	info, err := tg.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, other.URL, info.URL)
	require.Contains(t, r.said(), "is not put back, because another one was set")
	files, err := os.ReadDir(ledger.Dir)
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestAWrongTokenEndsTheRun(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	stranger, err := tghook.NewClient("777:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", tghook.ClientConfig{BaseURL: tg.URL})
	require.NoError(t, err)
	r := begin(t, tg, to.URL, func(c *forward.Config) { c.Bot = stranger })
	err = r.result(t)
	var refused *tghook.APIError
	require.ErrorAs(t, err, &refused)
	require.NotContains(t, err.Error(), "AAAAAAAA")
}

func TestASecondPollerIsNamed(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	r := begin(t, tg, to.URL)
	eventually(t, "the poll of another program ends that of the run", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, _ = tg.Bot(t).GetUpdates(ctx, tghook.UpdatesRequest{Wait: 10 * time.Second})
		return strings.Contains(r.said(), "another program polls")
	})
	require.NoError(t, r.stop(t))
}

func TestTheRecordIsScrubbed(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	var record bytes.Buffer
	r := begin(t, tg, to.URL, func(c *forward.Config) { c.Record, c.Scrubber = &record, scrub.New() })
	zoe := tg.NewUser(tghooktest.UserConfig{Name: "Zoë Núñez", Username: "zoe_n"}).Chat()
	zoe.Send("hello")
	zoe.Send("again")
	eventually(t, "all are confirmed", func() bool { return tg.Pending() == 0 && len(to.texts()) == 2 })
	require.NoError(t, r.stop(t))
	lines := strings.Split(strings.TrimSpace(record.String()), "\n")
	require.Len(t, lines, 2)
	require.Equal(t, "hello", gjson.Get(lines[0], "message.text").String())
	for _, who := range []string{"Zo", "Núñez", "zoe_n", strconv.FormatInt(zoe.ID, 10)} {
		require.NotContains(t, record.String(), who)
	}
	require.Equal(t, gjson.Get(lines[0], "message.from.id").Int(), gjson.Get(lines[1], "message.chat.id").Int())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAFullDiskEndsTheRunAndLosesNothing(t *testing.T) {
	tg, to := tghooktest.NewServer(t), newReceiver(t, nil)
	tg.User("Zoë").Chat().Send("one")
	r := begin(t, tg, to.URL, func(c *forward.Config) { c.Record, c.Scrubber = full{}, scrub.New() })
	require.ErrorContains(t, r.result(t), "no space left")
	require.Equal(t, 1, tg.Pending())
}

package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
)

// APIBot is the id of the bot of [APIToken].
const APIBot = 7244100913 // of apiToken

// A BotAPI notes each call: its method and its body.
type BotAPI struct {
	mu    sync.Mutex
	calls []string
	Types []string // their Content-Types
	Do    func(*http.Request) (*http.Response, error)
}

// RoundTrip implements [http.RoundTripper].
func (a *BotAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	if r.ContentLength > 0 && r.ContentLength != int64(len(body)) {
		return nil, fmt.Errorf("%d bytes are announced, and there are %d", r.ContentLength, len(body))
	}
	if r.GetBody != nil { // as for a connection that was closed meanwhile
		source, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		defer source.Close()
		if again, err := io.ReadAll(source); err != nil || !bytes.Equal(again, body) {
			return nil, fmt.Errorf("the body is %d bytes long at first and %d then: %w", len(body), len(again), err)
		}
	}
	a.mu.Lock()
	a.calls = append(a.calls, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]+" "+string(body))
	a.Types = append(a.Types, r.Header.Get("Content-Type"))
	a.mu.Unlock()
	if a.Do != nil {
		return a.Do(r)
	}
	res := APIAnswer(200, `{"ok":true,"result":"from Telegram"}`)
	res.Request = r
	return res, nil
}

// All returns the calls so far.
func (a *BotAPI) All() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// A Library makes calls as bot libraries do.
type Library struct {
	*http.Client

	Base string // of the API's URL
}

// APIBase is the URL of the Bot API up to the method, and FromThere what a [BotAPI] answers.
const (
	APIBase   = "https://api.telegram.org/bot" + APIToken + "/"
	FromThere = `{"ok":true,"result":"from Telegram"}`
)

// Do makes a request, and returns the body of the answer.
func (l Library) Do(req *http.Request) (string, error) {
	res, err := l.Client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" || res.Request == nil || res.Request.URL.Path != req.URL.Path {
		return "", fmt.Errorf("not a response to the request: %+v", res)
	}
	return string(body), err
}

// Post calls a method with a body.
func (l Library) Post(ctx context.Context, method, contentType string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.Base+method, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", contentType)
	return l.Do(req)
}

// Call calls a method with JSON, and returns the answer, or the error.
func (l Library) Call(ctx context.Context, method, params string) string {
	got, err := l.Post(ctx, method, "application/json", strings.NewReader(params))
	if err != nil {
		return err.Error()
	}
	return got
}

// NewLibrary is a Library that calls api through t.
func NewLibrary(tb testing.TB, t *tghook.ReplyTransport, api http.RoundTripper) Library {
	tb.Helper()
	t.Base, t.Client = api, NewClient(tb, tghook.ClientConfig{})
	return Library{&http.Client{Transport: t}, APIBase}
}

// ForBot sets the Bot of cfg to [APIBot].
func ForBot(cfg tghook.DispatchConfig) tghook.DispatchConfig {
	cfg.Bot = APIBot
	return cfg
}

// LibraryConfig is the configuration of a bot whose library calls as [APIBot].
func LibraryConfig() tghook.Config { return tghook.Config{Dispatch: ForBot(tghook.DispatchConfig{})} }

// Calling is a handler that makes calls by lib, of which each must be held.
func Calling(tb testing.TB, lib Library, then error, calls ...string) tghook.HandlerFunc {
	return func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		for _, call := range calls {
			method, params, _ := strings.Cut(call, " ")
			assert.Equal(tb, APIOK, lib.Call(ctx, method, params), "the library gets")
		}
		return tghook.NoReply, then
	}
}

// Calls of a library, and what comes of them.
const (
	Pressed       = `answerCallbackQuery {"callback_query_id":"5"}`
	pressedBody   = `{"method":"answerCallbackQuery","callback_query_id":"5"}`
	PressedAnswer = "200 application/json " + pressedBody
	PressedCall   = "answerCallbackQuery " + pressedBody
	Deleted       = `deleteMessage {"chat_id":7,"message_id":1}`
	DeletedAnswer = `200 application/json {"method":"deleteMessage","chat_id":7,"message_id":1}`
)

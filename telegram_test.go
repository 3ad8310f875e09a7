package tghook_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

const apiToken = "7244100913:AAH-stand_in_token_0123456789abcdefg"

// telegram stands in for the Bot API, as an [http.RoundTripper] so that it lives
// in a bubble. Its getUpdates has the quirks of the real one.
type telegram struct {
	mu      sync.Mutex
	queue   []queued
	changed chan struct{}
	parked  chan struct{} // closed to end the poll that waits
	calls   []apiCall
	offset  int64 // of the last getUpdates, and when that was
	asked   time.Time
	webhook tghook.WebhookInfo
	secret  string
	polls   int

	// refuse, unless nil, may answer in place of the method.
	refuse func(method string, n int) *http.Response
	// forgets, unless nil, is told of each update that an offset confirms.
	forgets func(id int64)
}

type queued struct {
	id   int64
	body string
}

type apiCall struct {
	method string
	params map[string]string // of a JSON body the values as text
	files  map[string]string
	at     time.Time
}

func newTelegram() *telegram { return &telegram{changed: make(chan struct{})} }

// client is a Client of this Telegram.
func (tg *telegram) client(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	cfg.HTTP = &http.Client{Transport: tg}
	c, err := tghook.NewClient(apiToken, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// send puts updates into the queue.
func (tg *telegram) send(tb testing.TB, bodies ...string) {
	tb.Helper()
	tg.mu.Lock()
	defer tg.mu.Unlock()
	for _, body := range bodies {
		tg.queue = append(tg.queue, queued{parsed(tb, body).ID, body})
	}
	close(tg.changed)
	tg.changed = make(chan struct{})
}

// pending are the ids that have not been confirmed.
func (tg *telegram) pending() (ids []int64) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	for _, u := range tg.queue {
		ids = append(ids, u.id)
	}
	return ids
}

// made lists the calls of method.
func (tg *telegram) made(method string) (calls []apiCall) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	for _, c := range tg.calls {
		if c.method == method {
			calls = append(calls, c)
		}
	}
	return calls
}

// RoundTrip implements [http.RoundTripper].
func (tg *telegram) RoundTrip(r *http.Request) (*http.Response, error) {
	method, ok := strings.CutPrefix(r.URL.Path, "/bot"+apiToken+"/")
	if !ok {
		return apiAnswer(http.StatusNotFound, `{"ok":false,"error_code":404,"description":"Not Found"}`), nil
	}
	call := apiCall{method: method, at: time.Now()}
	if err := call.read(r); err != nil {
		return nil, err
	}
	tg.mu.Lock()
	n := 0
	for _, c := range tg.calls {
		if c.method == method {
			n++
		}
	}
	tg.calls = append(tg.calls, call)
	refuse := tg.refuse
	tg.mu.Unlock()
	if refuse != nil {
		if res := refuse(method, n); res != nil {
			return res, nil
		}
	}
	switch method {
	case "getUpdates":
		return tg.getUpdates(r.Context(), call.params)
	case "getMe":
		return apiAnswer(200, `{"ok":true,"result":{"id":7244100913,"is_bot":true,"first_name":"Bot","username":"stand_in_bot"}}`), nil
	case "getWebhookInfo":
		tg.mu.Lock()
		defer tg.mu.Unlock()
		info, err := json.Marshal(tg.webhook)
		return apiAnswer(200, `{"ok":true,"result":`+string(info)+`}`), err
	case "deleteWebhook":
		tg.mu.Lock()
		defer tg.mu.Unlock()
		tg.webhook = tghook.WebhookInfo{}
		if call.params["drop_pending_updates"] == "true" {
			tg.queue = nil
		}
		return apiAnswer(200, `{"ok":true,"result":true,"description":"Webhook was deleted"}`), nil
	case "setWebhook":
		tg.mu.Lock()
		defer tg.mu.Unlock()
		connections, _ := strconv.Atoi(cmp.Or(call.params["max_connections"], "40"))
		tg.webhook = tghook.WebhookInfo{
			URL: call.params["url"], MaxConnections: connections,
			HasCustomCertificate: call.files["certificate"] != "", IPAddress: call.params["ip_address"],
		}
		tg.secret = call.params["secret_token"]
		return apiAnswer(200, `{"ok":true,"result":true,"description":"Webhook was set"}`), nil
	default:
		return apiAnswer(200, `{"ok":true,"result":true}`), nil
	}
}

func (c *apiCall) read(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	c.params, c.files = map[string]string{}, map[string]string{}
	mediaType, options, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if mediaType == "application/json" {
		var values map[string]json.RawMessage
		if err := json.Unmarshal(body, &values); err != nil {
			return fmt.Errorf("%s: %w", body, err)
		}
		for key, value := range values {
			var text string
			if json.Unmarshal(value, &text) != nil {
				text = string(value)
			}
			c.params[key] = text
		}
		return nil
	}
	form, err := multipart.NewReader(bytes.NewReader(body), options["boundary"]).ReadForm(1 << 20)
	if err != nil {
		return err
	}
	for key, values := range form.Value {
		c.params[key] = values[0]
	}
	for key, files := range form.File {
		f, err := files[0].Open()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		c.files[key] = string(content)
	}
	return nil
}

func apiAnswer(status int, body string) *http.Response {
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/json")
	rec.WriteHeader(status)
	_, _ = rec.WriteString(body)
	return rec.Result()
}

const (
	conflictOtherPoll = `{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"}`
	conflictWebhook   = `{"ok":false,"error_code":409,"description":"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}`
)

func (tg *telegram) getUpdates(ctx context.Context, params map[string]string) (*http.Response, error) {
	offset, _ := strconv.ParseInt(params["offset"], 10, 64)
	limit, _ := strconv.Atoi(cmp.Or(params["limit"], "100"))
	timeout, _ := strconv.Atoi(params["timeout"])
	tg.mu.Lock()
	if tg.webhook.URL != "" {
		tg.mu.Unlock()
		return apiAnswer(409, conflictWebhook), nil
	}
	tg.polls++
	if offset == tg.offset && time.Since(tg.asked) < 500*time.Millisecond {
		limit = 1
	}
	if offset == tg.offset && time.Since(tg.asked) < 3*time.Second {
		timeout = max(timeout, 3)
	}
	tg.offset, tg.asked = offset, time.Now()
	if n := len(tg.queue); n > 0 && offset >= tg.queue[0].id-100_000 && offset <= tg.queue[n-1].id+10 { // else it is served from the head
		tg.queue = slices.DeleteFunc(tg.queue, func(u queued) bool {
			if u.id < offset && tg.forgets != nil {
				tg.forgets(u.id)
			}
			return u.id < offset
		})
	}
	deadline := time.NewTimer(time.Duration(timeout) * time.Second)
	defer deadline.Stop()
	var parked chan struct{}
	for len(tg.queue) == 0 && timeout > 0 {
		if parked == nil {
			if tg.parked != nil {
				close(tg.parked)
			}
			parked = make(chan struct{})
			tg.parked = parked
		}
		changed := tg.changed
		tg.mu.Unlock()
		select {
		case <-changed:
		case <-deadline.C:
			timeout = 0
		case <-parked:
			return apiAnswer(409, conflictOtherPoll), nil
		case <-ctx.Done(): // it stays parked
			return nil, ctx.Err()
		}
		tg.mu.Lock()
	}
	if tg.parked == parked {
		tg.parked = nil
	}
	bodies := make([]string, 0, limit)
	for _, u := range tg.queue[:min(limit, len(tg.queue))] {
		bodies = append(bodies, u.body)
	}
	tg.mu.Unlock()
	return apiAnswer(200, `{"ok":true,"result":[`+strings.Join(bodies, ",")+`]}`), nil
}

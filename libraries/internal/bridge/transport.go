// Package bridge has what the packages of the bot libraries share: the transport of a
// library's bot, and a handler that calls a library's dispatcher.
package bridge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/redact"
)

// A Transport makes the calls of a library's bot by a ReplyTransport. The token is in the
// URL of each call. A Transport keeps it out of the errors, those of net/http included.
type Transport struct {
	reply   *tghook.ReplyTransport
	results []string // methods whose answer the library cannot do without
	err     error    // why no call can be made
}

// NewTransport returns a Transport. The calls of the methods in results, which are spelled as
// the library does, are never held back. If reply cannot be used, each call returns an error
// that says so.
func NewTransport(reply *tghook.ReplyTransport, results ...string) *Transport {
	t := &Transport{reply: reply, results: results}
	switch {
	case reply == nil:
		t.err = &tghook.ConfigError{Field: "ReplyTransport", Problem: "nil; give one with a Client"}
	case reply.Client == nil:
		t.err = &tghook.ConfigError{Field: "ReplyTransport.Client", Problem: "nil; make one with NewClient"}
	}
	return t
}

// Server returns the server that the library has to call. Its BaseURL does not end in a
// slash.
func (t *Transport) Server() (baseURL string, testEnvironment bool) {
	if t.err != nil {
		return "https://api.telegram.org", false // where no call gets
	}
	cfg := t.reply.Client.Config()
	return strings.TrimRight(cfg.BaseURL, "/"), cfg.TestEnvironment
}

// Client returns a client for the library. It follows no redirect, because a redirect would
// send the token elsewhere.
func (t *Transport) Client() *http.Client { return clientOf(t) }

// With returns a client for a library whose calls take no context. It makes each call with
// ctx, which is the context of an update.
func (t *Transport) With(ctx context.Context) *http.Client { return clientOf(bound{t, ctx}) }

func clientOf(t http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type bound struct {
	*Transport

	ctx context.Context
}

// RoundTrip implements [http.RoundTripper].
func (b bound) RoundTrip(req *http.Request) (*http.Response, error) {
	return b.Transport.RoundTrip(req.WithContext(b.ctx))
}

// RoundTrip implements [http.RoundTripper]. If the call fails, it takes the token out of
// req.URL, which net/http puts into its error.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if p, ok := req.Context().Value(probeKey{}).(*probe); ok {
		return p.answer(t, req), nil
	}
	ctx := req.Context()
	if slices.Contains(t.results, path.Base(req.URL.Path)) {
		ctx = tghook.WithResult(ctx)
	}
	out := req.WithContext(ctx) // a copy, with a URL that nobody changes
	address := *req.URL
	out.URL = &address
	res, err := t.send(out)
	if err == nil {
		return res, nil
	}
	token := tokenIn(address.Path)
	if token != "" {
		req.URL.Path, req.URL.RawPath = strings.ReplaceAll(address.Path, token, "TOKEN"), ""
	}
	return nil, redact.Error(err, redact.New(token))
}

func (t *Transport) send(req *http.Request) (*http.Response, error) {
	if t.err != nil {
		closeBody(req)
		return nil, t.err
	}
	return t.reply.RoundTrip(req)
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// tokenIn returns the token in the path of a call or of a download. It returns "" if there
// is none.
func tokenIn(path string) string {
	for part := range strings.SplitSeq(path, "/") {
		if token, ok := strings.CutPrefix(part, "bot"); ok && strings.Contains(token, ":") {
			return token
		}
	}
	return ""
}

// probe is a call of getMe that finds the Transport of a bot.
type probe struct {
	found *Transport
	url   url.URL
}

type probeKey struct{}

// probeTime bounds a probe of a bot that has another transport: it gets to Telegram.
const probeTime = 5 * time.Second

// answer notes the Transport, and answers as Telegram does.
func (p *probe) answer(t *Transport, req *http.Request) *http.Response {
	closeBody(req)
	p.found, p.url = t, *req.URL
	id, _, _ := strings.Cut(tokenIn(req.URL.Path), ":")
	body := fmt.Sprintf(`{"ok":true,"result":{"id":%s,"is_bot":true,"first_name":"","username":""}}`, id)
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		Request: req,
	}
}

// Find returns the Transport of a bot, and the bot's token. getMe has the bot call that
// method with ctx. The Transport answers it, and Telegram is not called. The error says why
// the calls of the bot would not ride. maker says how the bot has to be made.
func Find(maker string, getMe func(ctx context.Context) error) (t *Transport, token string, err error) {
	p := &probe{}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), probeKey{}, p), probeTime)
	defer cancel()
	_ = getMe(ctx)
	if p.found == nil {
		return nil, "", &tghook.ConfigError{Field: "bot", Problem: "its calls go by an http.Client of their own; make the bot with " + maker +
			", and give the transport of that client to ReplyTransport.Base"}
	}
	token = tokenIn(p.url.Path)
	return p.found, token, p.check(token)
}

// check returns why the calls of the bot would not ride.
func (p *probe) check(token string) error {
	if p.found.err != nil {
		return p.found.err
	}
	client := p.found.reply.Client
	id, _, _ := strings.Cut(token, ":")
	if id != strconv.FormatInt(client.Bot(), 10) {
		return &tghook.ConfigError{Field: "bot", Problem: fmt.Sprintf("it is bot %s, and ReplyTransport.Client is that of bot %d; give both the same token", id, client.Bot())}
	}
	base, test := p.found.Server()
	want := base + "/bot" + token + "/"
	if test {
		want += "test/"
	}
	if got := p.url.String(); got != want+"getMe" {
		hide := redact.New(token)
		return &tghook.ConfigError{Field: "bot", Problem: hide(fmt.Sprintf("it calls %s, and ReplyTransport.Client calls %sgetMe; leave the server to the options, and set ClientConfig.BaseURL and TestEnvironment", redact.URL(got), redact.URL(want)))}
	}
	return nil
}

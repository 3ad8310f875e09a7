package rig

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
)

// A Transport is a Bot API, and the way to it.
type Transport func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f Transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Client is a Client of this Bot API.
func (f Transport) Client(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	cfg.HTTP = &http.Client{Transport: f}
	return NewClient(tb, cfg)
}

// NewClient is a Client with [APIToken].
func NewClient(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	c, err := tghook.NewClient(APIToken, cfg)
	require.NoError(tb, err)
	return c
}

// Answers is a Bot API that says the same to everything.
func Answers(status int, body string) Transport {
	return func(*http.Request) (*http.Response, error) { return APIAnswer(status, body), nil }
}

// APIOK is the body of an answer that has nothing to say.
const APIOK = `{"ok":true,"result":true}`

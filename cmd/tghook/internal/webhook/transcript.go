package webhook

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// Transcript is a transport that keeps what an answer of the Bot API says beside its result.
// Its methods may be called at once.
type Transcript struct {
	// Base sends the requests. If nil, [http.DefaultTransport].
	Base http.RoundTripper

	mu          sync.Mutex
	description string
	ahead       time.Duration
	dated       bool
}

const maxAnswer = 1 << 20 // of which the description is read

// RoundTrip implements [http.RoundTripper].
func (t *Transcript) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	res, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	start, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	rest := io.Reader(res.Body)
	if err != nil {
		rest = failing{err}
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), res.Body}
	var said struct {
		Description string `json:"description"`
	}
	_ = json.Unmarshal(start, &said) // an answer that is no JSON says nothing
	date, dateErr := http.ParseTime(res.Header.Get("Date"))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.description = said.Description
	if t.dated = dateErr == nil; t.dated {
		t.ahead = time.Until(date)
	}
	return res, nil
}

// Description returns the description in the last answer, such as "Webhook is already set".
func (t *Transcript) Description() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.description
}

// Ahead returns how far the clock of the Bot API was ahead of this machine's at the last
// answer. It returns false if that did not tell the time.
func (t *Transcript) Ahead() (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ahead, t.dated
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

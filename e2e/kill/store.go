package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// shelf is the Store that receivers share. It is in the memory of the process that starts
// them, and loses some of its answers.
type shelf struct {
	server *http.Server
	url    string

	mu   sync.Mutex
	draw *rand.Rand
	rows map[tghook.Key]*row
}

// row is the state of an update.
type row struct {
	fence  string // of the claim that holds the update; empty: none does
	life   int
	until  time.Time
	failed int
	note   []byte
	done   string // the fence of the claim that has succeeded
	reply  []byte
}

// ask is a receiver's request to the shelf, and answer is the response.
type (
	ask struct {
		Claim      tghook.Claim
		Lease, TTL time.Duration
		Text       []byte // a reply or a note
	}
	answer struct {
		Result tghook.ClaimResult
		Lost   bool // ErrClaimLost
	}
)

func newShelf(ctx context.Context, seed uint64) (*shelf, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &shelf{url: "http://" + l.Addr().String(), rows: map[tghook.Key]*row{}}
	s.draw = rand.New(rand.NewPCG(seed, 1<<32)) //nolint:gosec // its numbers are not secret
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{life}/{method}", s.serve)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: grace}
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

func (s *shelf) serve(rw http.ResponseWriter, r *http.Request) {
	var q ask
	life, err := strconv.Atoi(r.PathValue("life"))
	if err = errors.Join(err, json.NewDecoder(r.Body).Decode(&q)); err != nil { //nolint:musttag // both ends are this program
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	a, lost := s.do(life, r.PathValue("method"), q)
	if lost {
		panic(http.ErrAbortHandler)
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(a) //nolint:errchkjson,musttag // the receiver may be gone; both ends are this program
}

// do carries out a request. lost reports whether its answer is to be lost.
func (s *shelf) do(life int, method string, q ask) (a answer, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.rows[q.Claim.Key]
	if w == nil {
		w = &row{}
		s.rows[q.Claim.Key] = w
	}
	switch now := time.Now(); {
	case method == "claim":
		a.Result = w.claim(life, q, now)
	case method == "done" && w.done == q.Claim.Fence:
	case w.fence != q.Claim.Fence:
		a.Lost = true
	case method == "renew":
		w.until = now.Add(q.Lease)
	case method == "done":
		w.fence, w.done, w.reply = "", q.Claim.Fence, q.Text
	case method == "fail":
		w.fence, w.note = "", q.Text
		w.failed++
	case method == "release":
		w.fence = ""
	}
	return a, s.draw.IntN(50) == 0
}

func (w *row) claim(life int, q ask, now time.Time) tghook.ClaimResult {
	switch {
	case w.done != "":
		return tghook.ClaimResult{State: tghook.ClaimDone, Reply: w.reply}
	case w.fence != "" && w.fence != q.Claim.Fence && now.Before(w.until):
		return tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: w.until.Sub(now)}
	case w.fence != "" && w.fence != q.Claim.Fence:
		w.failed++
	}
	w.fence, w.life, w.until = q.Claim.Fence, life, now.Add(q.Lease)
	return tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: w.failed + 1, Note: w.note}
}

// bury ends the leases of a process that has ended, as a database ends the locks of a
// closed session.
func (s *shelf) bury(life int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.rows {
		if w.life == life {
			w.until = time.Time{}
		}
	}
}

// shared is the receiver's side of the shelf.
type shared struct{ url string }

func (s shared) ask(ctx context.Context, method string, q ask) (tghook.ClaimResult, error) {
	var a answer
	body, err := json.Marshal(q) //nolint:musttag // both ends are this program
	if err != nil {
		return a.Result, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/"+method, bytes.NewReader(body))
	if err != nil {
		return a.Result, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return a.Result, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return a.Result, fmt.Errorf("the shelf answers %s", res.Status)
	}
	err = json.NewDecoder(res.Body).Decode(&a) //nolint:musttag // both ends are this program
	if err == nil && a.Lost {
		err = tghook.ErrClaimLost
	}
	return a.Result, err
}

// Claim claims an update.
func (s shared) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	return s.ask(ctx, "claim", ask{Claim: c, Lease: lease, TTL: ttl})
}

// Renew starts the lease anew.
func (s shared) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	_, err := s.ask(ctx, "renew", ask{Claim: c, Lease: lease})
	return err
}

// Done ends a claim with success.
func (s shared) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	_, err := s.ask(ctx, "done", ask{Claim: c, Text: reply})
	return err
}

// Fail ends a claim with a failure that counts as an attempt.
func (s shared) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	_, err := s.ask(ctx, "fail", ask{Claim: c, Text: note})
	return err
}

// Release ends a claim without a counted attempt.
func (s shared) Release(ctx context.Context, c tghook.Claim) error {
	_, err := s.ask(ctx, "release", ask{Claim: c})
	return err
}

package tghooktest

import (
	"context"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
)

type opener = func(testing.TB, *tghook.Webhook) Door

// listen returns a door with a server around f.
func listen(f func(w *tghook.Webhook) http.Handler) opener {
	return func(tb testing.TB, w *tghook.Webhook) Door {
		tb.Helper()
		server := httptest.NewUnstartedServer(f(w))
		server.Config.ReadTimeout, server.Config.IdleTimeout = 10*time.Second, time.Minute
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.Start()
		tb.Cleanup(server.Close)
		return Door{Addr: server.Listener.Addr().String()}
	}
}

// around returns a door with f around the webhook.
func around(f func(hook http.Handler, rw http.ResponseWriter, r *http.Request)) opener {
	return listen(func(w *tghook.Webhook) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { f(w, rw, r) })
	})
}

// An adapter translates between a server and the webhook. Its zero value is correct.
type adapter struct {
	in        func(*http.Request, *tghook.Request)
	out       func(*tghook.Response)
	ctx       func(context.Context) context.Context
	frozen    bool // the process is frozen after each answer
	forgetful bool // the Request does not say that it is frozen
}

func (a adapter) serve(w *tghook.Webhook, r *http.Request) tghook.Response {
	req := tghook.Request{
		Method:          r.Method,
		ContentType:     r.Header.Get("Content-Type"),
		ContentEncoding: r.Header.Get("Content-Encoding"),
		Secret:          r.Header.Values(secretHeader),
		ForwardedFor:    r.Header.Values("X-Forwarded-For"),
		RemoteAddr:      r.RemoteAddr,
		ContentLength:   r.ContentLength,
		Body:            r.Body,
		Ephemeral:       a.frozen && !a.forgetful,
	}
	if a.in != nil {
		a.in(r, &req)
	}
	ctx := r.Context()
	if a.ctx != nil {
		ctx = a.ctx(ctx)
	}
	res := w.Serve(ctx, req)
	if a.out != nil {
		a.out(&res)
	}
	return res
}

func (a adapter) listen() opener {
	return listen(func(w *tghook.Webhook) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { write(rw, a.serve(w, r)) })
	})
}

func write(rw http.ResponseWriter, res tghook.Response) {
	maps.Copy(rw.Header(), res.Header)
	if len(res.Body) > 0 {
		rw.Header().Set("Content-Length", strconv.Itoa(len(res.Body)))
	}
	rw.WriteHeader(res.Status)
	_, _ = rw.Write(res.Body)
}

// called returns a door without a listener, like that of a function platform.
func (a adapter) called() opener {
	return func(_ testing.TB, w *tghook.Webhook) Door {
		return Door{Ephemeral: a.frozen, Transport: transport(func(r *http.Request) (*http.Response, error) {
			header := http.Header{}
			for name, lines := range r.Header { // the platform changes the letter case
				header[http.CanonicalHeaderKey(name)] = lines
			}
			clone := r.Clone(r.Context())
			clone.Header = header
			rw := httptest.NewRecorder()
			done := make(chan struct{})
			go func() {
				defer close(done)
				write(rw, a.serve(w, clone))
			}()
			select {
			case <-done:
				return rw.Result(), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// hurry is the patience for cases that should fail.
const hurry = 4 * time.Second

func allCases() []doorCase { return slices.Concat(slowCases, quickCases()) }

// few bounds the cases that run at once.
var few = make(chan struct{}, 12)

// find runs cases on a door, and returns the names of those that fail.
func find(t *testing.T, cases []doorCase, open opener, patience time.Duration) (names []string) {
	t.Helper()
	idle, err := tghook.New(tghook.HandlerFunc(nothing), tghook.Config{InsecureNoSecret: true})
	require.NoError(t, err)
	kind := open(t, idle)
	var mu sync.Mutex
	var runs sync.WaitGroup
	for _, c := range cases {
		if !c.suits(kind) {
			continue
		}
		runs.Go(func() {
			few <- struct{}{}
			defer func() { <-few }()
			found := record(t, 10*patience, func(tb testing.TB) { c.run(&trial{judge{tb, patience}, open}) })
			if len(found) == 0 {
				return
			}
			t.Logf("%s:\n\t%s", c.name, strings.Join(found, "\n\t"))
			mu.Lock()
			defer mu.Unlock()
			names = append(names, c.name)
		})
	}
	runs.Wait()
	slices.Sort(names)
	return names
}

func TestCorrectDoorsPass(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]opener{
		"an adapter that listens":   adapter{}.listen(),
		"an adapter that is called": adapter{}.called(),
		"an adapter that is frozen": adapter{frozen: true}.called(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, find(t, allCases(), open, patience), "cases that fail")
		})
	}
}

func TestBrokenDoorsFail(t *testing.T) {
	t.Parallel()
	var doors sync.WaitGroup // goroutines, not parallel subtests, because most of the time they wait
	defer doors.Wait()
	for _, b := range breakages {
		doors.Go(func() { t.Run(b.name, b.test) })
	}
}

func (b breakage) test(t *testing.T) {
	t.Helper()
	cases, patience := quickCases(), patience
	if b.among {
		cases, patience = allCases(), hurry
		cases = slices.DeleteFunc(cases, func(c doorCase) bool { return !slices.Contains(b.finds, c.name) })
	}
	got, want := strings.Join(find(t, cases, b.open, patience), "\n\t"), strings.Join(slices.Sorted(slices.Values(b.finds)), "\n\t")
	assert.Equal(t, want, got)
}

// A case that no fault makes fail proves nothing.
func TestEveryCaseCanFail(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, b := range breakages {
		for _, name := range b.finds {
			found[name] = true
		}
	}
	for _, c := range allCases() {
		assert.True(t, found[c.name])
	}
}

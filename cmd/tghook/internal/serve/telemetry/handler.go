package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	readyTime   = 2 * time.Second
	metricsTime = 10 * time.Second
	// maxReaders is how many requests may read the metrics at once. Others get 503.
	maxReaders = 4
	maxReason  = 1024 // bytes
)

// Handler serves GET /healthz, GET /readyz and GET /metrics.
//
// /healthz answers 200 while the process works. /readyz answers 200 if ready returns nil, and
// otherwise 503 with its error as text. The error must have no secrets. If ready does not return
// within 2 seconds, the answer is 503 too. Requests that come while it runs share its result, so
// that it runs once at a time. ready may be nil.
func (t *Telemetry) Handler(ready func(context.Context) error) http.Handler {
	r := &readiness{check: ready}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.Handle("GET /readyz", r)
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorLog: t.faults, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxReaders, Timeout: metricsTime,
	}))
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a client that has gone needs no answer
}

// readiness answers /readyz.
type readiness struct {
	check func(context.Context) error

	mu  sync.Mutex
	run *checkRun // that has not ended
}

// checkRun is a run of the check. err is set when done is closed.
type checkRun struct {
	done chan struct{}
	err  error
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), readyTime)
	defer cancel()
	if err := r.ask(ctx); err != nil {
		reason := err.Error()
		answer(w, http.StatusServiceUnavailable, reason[:min(len(reason), maxReason)])
		return
	}
	answer(w, http.StatusOK, "ready")
}

// ask returns the result of the check.
func (r *readiness) ask(ctx context.Context) error {
	if r.check == nil {
		return nil
	}
	r.mu.Lock()
	run := r.run
	if run == nil {
		run = &checkRun{done: make(chan struct{})}
		r.run = run
		go r.do(context.WithoutCancel(ctx), run) // others may share it
	}
	r.mu.Unlock()
	select {
	case <-run.done:
		return run.err
	case <-ctx.Done():
		return fmt.Errorf("the gateway did not tell within %v whether it is ready", readyTime)
	}
}

// do runs the check.
func (r *readiness) do(ctx context.Context, run *checkRun) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	run.err = errors.New("the check of the gateway has failed") // if it panics
	defer func() {
		_ = recover()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.run = nil
		close(run.done)
	}()
	run.err = r.check(ctx)
}

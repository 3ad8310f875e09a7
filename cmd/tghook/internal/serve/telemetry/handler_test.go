package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func serve(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), method, path, http.NoBody))
	return w
}

func TestHandlerAnswers(t *testing.T) {
	tel, _ := start(t)
	fine := func(context.Context) error { return nil }
	for _, c := range []struct {
		method, path string
		ready        func(context.Context) error
		status       int
		body         string
	}{
		{http.MethodGet, "/healthz", nil, 200, "ok\n"},
		{http.MethodGet, "/healthz", func(context.Context) error { return errors.New("full") }, 200, "ok\n"},
		{http.MethodGet, "/readyz", nil, 200, "ready\n"},
		{http.MethodGet, "/readyz", fine, 200, "ready\n"},
		{http.MethodGet, "/readyz", func(context.Context) error { return errors.New("the storage is full") }, 503, "the storage is full\n"},
		{http.MethodGet, "/readyz", func(context.Context) error { return errors.New(strings.Repeat("x", 5000)) }, 503, strings.Repeat("x", 1024) + "\n"},
		{http.MethodGet, "/readyz", func(context.Context) error { panic("a secret") }, 503, "the check of the gateway has failed\n"},
		{http.MethodPost, "/healthz", nil, 405, "Method Not Allowed\n"},
		{http.MethodPut, "/readyz", fine, 405, "Method Not Allowed\n"},
		{http.MethodDelete, "/metrics", nil, 405, "Method Not Allowed\n"},
		{http.MethodGet, "/", nil, 404, "404 page not found\n"},
		{http.MethodGet, "/metrics/more", nil, 404, "404 page not found\n"},
		{http.MethodGet, "/debug/pprof/", nil, 404, "404 page not found\n"},
	} {
		w := get(tel, c.method, c.path, c.ready)
		require.Equal(t, c.status, w.Code, "%s %s", c.method, c.path)
		require.Equal(t, c.body, w.Body.String(), "%s %s", c.method, c.path)
		if c.status == http.StatusMethodNotAllowed {
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		}
	}
}

func TestReadyEndsWhenItsCheckHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := start(t)
		var checks atomic.Int64
		hang := make(chan struct{})
		h := tel.Handler(func(context.Context) error { // it does not look at its context
			checks.Add(1)
			<-hang
			return nil
		})
		for range 3 {
			began := time.Now()
			w := serve(h, http.MethodGet, "/readyz")
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Equal(t, "the gateway did not tell within 2s whether it is ready\n", w.Body.String())
			require.Equal(t, 2*time.Second, time.Since(began))
		}
		require.EqualValues(t, 1, checks.Load(), "checks that hang must not pile up")
		close(hang)
		synctest.Wait()
		require.Equal(t, http.StatusOK, serve(h, http.MethodGet, "/readyz").Code)
	})
}

func TestTheContextOfTheCheckEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := start(t)
		w := get(tel, http.MethodGet, "/readyz", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Millisecond)
			return ctx.Err()
		})
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		synctest.Wait()
		time.Sleep(time.Second) // the check ends
	})
}

package admin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/admin"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// with makes a request with these lines of Authorization.
func (r *rig) with(method, path string, body io.Reader, lines ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), method, path, body)
	req.Header["Authorization"] = lines
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	return w
}

// unread is a body that must not be read.
type unread struct{ tb testing.TB }

func (u unread) Read([]byte) (int, error) {
	u.tb.Error("the body was read before the token was checked")
	return 0, errors.New("unread")
}

func TestARequestNeedsTheToken(t *testing.T) {
	for _, c := range []struct {
		lines  []string
		status int
	}{
		{[]string{"Bearer " + token}, 200},
		{[]string{"bearer " + token}, 200},
		{[]string{"BEARER   " + token}, 200},
		{nil, 401},
		{[]string{""}, 401},
		{[]string{"Bearer"}, 401},
		{[]string{"Bearer "}, 401},
		{[]string{token}, 401},
		{[]string{"Basic " + token}, 401},
		{[]string{"Bearer " + token + "x"}, 401},
		{[]string{"Bearer " + token[:len(token)-1]}, 401},
		{[]string{"Bearer " + strings.ToUpper(token)}, 401},
		{[]string{"Bearer " + token + " "}, 401},
		{[]string{"Bearer " + token, "Bearer " + token}, 401},
		{[]string{"Bearer wrong, Bearer " + token}, 401},
	} {
		r := start(t)
		w := r.with(http.MethodGet, "/v1/bots", http.NoBody, c.lines...)
		require.Equal(t, c.status, w.Code, "%q", c.lines)
		if c.status == http.StatusUnauthorized {
			require.Equal(t, `Bearer realm="tghook serve"`, w.Header().Get("WWW-Authenticate"))
			errorOf(t, w, "unauthorized")
			require.NotContains(t, w.Body.String()+r.log.String(), token[:len(token)-1])
			require.Contains(t, r.log.String(), "wrong token")
		}
	}
}

func TestNothingIsDoneBeforeTheTokenIsChecked(t *testing.T) {
	for path, methods := range admin.Routes() {
		for _, method := range append(methods, http.MethodPatch) {
			r := start(t)
			w := r.with(method, strings.NewReplacer("{name}", "shop", "{id}", "7").Replace(path), unread{t}, "Bearer wrong")
			require.Equal(t, http.StatusUnauthorized, w.Code, "%s %s", method, path)
			require.Equal(t, "close", w.Header().Get("Connection"))
			require.Empty(t, r.calls.last())
		}
	}
	r := start(t)
	require.Equal(t, http.StatusUnauthorized, r.with(http.MethodGet, "/nowhere", http.NoBody).Code, "a path that is not there")
}

func TestWrongTokensAreLimitedAndTheRightOnePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		count := func() (refused, limited int) {
			for range 1000 {
				w := r.with(http.MethodGet, "/v1/bots", http.NoBody, "Bearer wrong")
				switch w.Code {
				case http.StatusUnauthorized:
					refused++
				case http.StatusTooManyRequests:
					limited++
					require.Equal(t, "1", w.Header().Get("Retry-After"))
					errorOf(t, w, "too_many_failures")
				}
			}
			return refused, limited
		}
		refused, limited := count()
		require.Equal(t, 20, refused)
		require.Equal(t, 980, limited)
		require.Equal(t, 20, strings.Count(r.log.String(), "wrong token"), "the log is bounded too")
		require.Equal(t, http.StatusOK, r.request(http.MethodGet, "/v1/bots", "").Code, "its owner is not locked out")
		time.Sleep(2 * time.Second)
		refused, _ = count()
		require.Equal(t, 10, refused)
	})
}

func TestWithoutATokenThereIsNoAPI(t *testing.T) {
	_, err := admin.New(admin.Config{Gateway: newCalls()})
	require.ErrorContains(t, err, "admin.token is missing")
	_, err = admin.New(admin.Config{Admin: config.Admin{Token: token}})
	require.Error(t, err)
}

func TestASlowBodyEnds(t *testing.T) {
	// A body that never comes holds a request up until the deadline of the connection.
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		deadlines := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/bots", http.NoBody)
		req.Header.Set("Authorization", "Bearer "+token)
		r.api.ServeHTTP(deadlines, req)
		require.Equal(t, time.Now().Add(30*time.Second), deadlines.read)
		require.Equal(t, time.Now().Add(90*time.Second), deadlines.write)
	})
}

type deadlines struct {
	*httptest.ResponseRecorder

	read, write time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error  { d.read = at; return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = at; return nil }

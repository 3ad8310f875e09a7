package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/console"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/64")}

func TestNobodyMaySeeThePageUnlessSomethingSaysWho(t *testing.T) {
	for _, c := range []struct {
		page config.Page
		says string
	}{
		{config.Page{}, "neither a password nor a header"},
		{config.Page{Password: "x", Header: "X-User"}, "both a password and a header"},
		{config.Page{Header: "X-User"}, "page.proxies"},
	} {
		_, err := console.New(console.Config{Page: c.page})
		require.ErrorContains(t, err, c.says)
	}
}

// everything is a request to each part of the Console.
var everything = [][2]string{
	{http.MethodGet, "/"},
	{http.MethodGet, "/page/serve.js"},
	{http.MethodGet, "/api/state"},
	{http.MethodGet, "/api/stream"},
	{http.MethodGet, "/api/none"},
	{http.MethodPost, "/api/bots/shop/pause"},
	{http.MethodPost, "/api/bots/shop/dead/5/discard"},
}

func TestPasswordComesFirst(t *testing.T) {
	r := open(t)
	for _, e := range everything {
		req := httptest.NewRequestWithContext(t.Context(), e[0], e[1], http.NoBody)
		req.Header.Set("X-User", "admin") // of no use: there is a password
		w := r.serve(req)
		require.Equal(t, http.StatusUnauthorized, w.Code, e)
		require.Equal(t, `Basic realm="tghook", charset="UTF-8"`, w.Header().Get("WWW-Authenticate"))
		require.JSONEq(t, `{"error":{"code":"unauthorized","message":"this page needs a password"}}`, w.Body.String())
		require.Empty(t, w.Result().Cookies())
	}
	require.Empty(t, r.gateway.done())
}

// login asks for the state with a password.
func (r *rig) login(user, password string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(r.tb.Context(), http.MethodGet, "/api/state", http.NoBody)
	req.SetBasicAuth(user, password)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	return r.serve(req)
}

func TestPassword(t *testing.T) {
	r := open(t)
	for _, user := range []string{"", "anybody", "ü"} {
		require.Equal(t, http.StatusOK, r.login(user, password).Code)
	}
	for _, wrong := range []string{"", password + " ", "Open sesame", password[:5]} {
		require.Equal(t, http.StatusUnauthorized, r.login("me", wrong).Code, wrong)
	}
	require.Contains(t, r.log.String(), "a wrong password for the page")
	require.NotContains(t, r.log.String(), "Open sesame")
}

// Guesses are few. A browser that knew the password goes on meanwhile.
func TestGuessesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		known := r.login("me", password).Result().Cookies()
		require.Len(t, known, 1)
		require.True(t, known[0].HttpOnly)
		require.Equal(t, http.SameSiteStrictMode, known[0].SameSite)
		for range 10 {
			require.Equal(t, http.StatusUnauthorized, r.login("me", "guess").Code)
		}
		w := r.login("me", "guess")
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		require.Equal(t, http.StatusTooManyRequests, r.login("me", password).Code, "a right guess looks like any other")
		require.Equal(t, http.StatusOK, r.login("me", password, known...).Code)
		require.Equal(t, http.StatusUnauthorized, r.login("me", "guess", known...).Code, "the cookie is no password")
		require.Equal(t, http.StatusTooManyRequests, r.login("me", password, &http.Cookie{Name: known[0].Name, Value: "other"}).Code)

		time.Sleep(1100 * time.Millisecond)
		require.Equal(t, http.StatusUnauthorized, r.login("me", "guess").Code)
		require.Equal(t, http.StatusTooManyRequests, r.login("me", "guess").Code, "one in a second")
		time.Sleep(1100 * time.Millisecond)
		require.Equal(t, http.StatusOK, r.login("me", password).Code)
		require.Equal(t, http.StatusOK, r.login("me", password).Code, "a right password takes no guess")
	})
}

func TestHeaderOfAProxy(t *testing.T) {
	r := newRig(t, config.Page{Header: "X-Forwarded-User", Proxies: proxies})
	for _, c := range []struct {
		from   string
		names  []string
		status int
		says   string
	}{
		{"10.1.2.3:4000", []string{"ann"}, http.StatusOK, `"user":"ann"`},
		{"[::ffff:10.1.2.3]:4000", []string{"ann"}, http.StatusOK, `"user":"ann"`},
		{"[fd00::1%eth0]:4000", []string{"ann"}, http.StatusOK, `"user":"ann"`},
		{"10.2.2.3:4000", []string{"ann"}, http.StatusForbidden, "not_a_proxy"},
		{"127.0.0.1:4000", []string{"ann"}, http.StatusForbidden, "not_a_proxy"},
		{"@", []string{"ann"}, http.StatusForbidden, "not_a_proxy"},
		{"10.1.2.3:4000", nil, http.StatusForbidden, "no_user"},
		{"10.1.2.3:4000", []string{""}, http.StatusForbidden, "no_user"},
		{"10.1.2.3:4000", []string{"ann", "admin"}, http.StatusForbidden, "no_user"}, // the client's own may be among them
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/state", http.NoBody)
		req.RemoteAddr = c.from
		req.Header["X-Forwarded-User"] = c.names
		req.Header.Set("X-Forwarded-For", "10.1.2.3") // the address of the connection counts
		req.SetBasicAuth("me", password)
		w := r.serve(req)
		require.Equal(t, c.status, w.Code, c)
		require.Contains(t, w.Body.String(), c.says, c)
	}
}

func TestPagesOfOtherSitesDoNothing(t *testing.T) {
	r := open(t)
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.test"}, {"Origin", "null"}} {
		req := r.request(http.MethodPost, "/api/bots/shop/pause", "")
		req.Header.Set(header[0], header[1])
		w := r.serve(req)
		require.Equal(t, http.StatusForbidden, w.Code, header)
		require.Contains(t, w.Body.String(), "cross_origin")
	}
	require.Empty(t, r.gateway.done())
	for _, header := range [][2]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://example.com"}} { // the Host of the request
		req := r.request(http.MethodPost, "/api/bots/shop/pause", "")
		req.Header.Set(header[0], header[1])
		require.Equal(t, http.StatusOK, r.serve(req).Code, header)
	}
	require.Len(t, r.gateway.done(), 2)
}

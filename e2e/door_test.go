//go:build linux

package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestADoorBehindTheProxyKeepsThePromise(t *testing.T) {
	behindEach(t, func(t *testing.T, p proxy) {
		b := startBot(t, "first", nothing, nil)
		f := p.start(t, b.addr, b.addr)
		client := &http.Transport{
			DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(telegram)}}).DialContext,
			Proxy:       nil, DisableCompression: true, MaxIdleConnsPerHost: 64,
			TLSClientConfig: &tls.Config{RootCAs: certificate().pool, ServerName: "bots.example.org", MinVersion: tls.VersionTLS12},
		}
		t.Cleanup(client.CloseIdleConnections)
		var cases atomic.Int64
		tghooktest.TestDoor(t, func(_ testing.TB, w *tghook.Webhook) tghooktest.Door {
			path := fmt.Sprintf("/case-%d", cases.Add(1))
			b.mux.Handle(path, w)
			return tghooktest.Door{Path: "/bots/first" + path, Transport: transport(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.URL.Scheme, r.URL.Host, r.Host = "https", f.addr, "bots.example.org"
				res, err := client.RoundTrip(r)
				if err == nil && res.StatusCode == http.StatusBadGateway { // the proxy's own answer when the bot gives none
					_ = res.Body.Close()
					return nil, errors.New(res.Status)
				}
				return res, err
			})}
		})
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

package tghook

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/keepalive"
)

// The tests ask no resolver: what ends in .invalid is not known, save slow.invalid,
// of which the resolver says nothing. All else is.
func init() { //nolint:gochecknoinits // it must come before all tests
	lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
		if strings.HasSuffix(host, ".invalid") {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: host != "slow.invalid", IsTemporary: host == "slow.invalid"}
		}
		return []netip.Addr{netip.MustParseAddr("149.154.167.220")}, nil
	}
}

// Pinged is a copy of t as the default client's is of http.DefaultTransport.
func Pinged(t *http.Transport) *http.Transport { return keepalive.Pinging(t) }

// TransportOf is what makes the requests of c.
func TransportOf(c *Client) http.RoundTripper {
	if p, ok := c.http.Transport.(*keepalive.Transport); ok {
		return p.Now()
	}
	return c.http.Transport
}

// CloseIdleConnections closes those of the default client.
func CloseIdleConnections() { pinging.CloseIdleConnections() }

// RunOn is [Run] on a listener of the test's. It looks up the host of the URL with
// resolver, if that is not nil.
func RunOn(ctx context.Context, listener net.Listener, h Handler, cfg RunConfig, resolver *net.Resolver) error {
	m, err := Mount(h, cfg)
	if err != nil {
		return err
	}
	m.resolver = resolver
	return m.serve(ctx, m.secured(listener))
}

// Unread is cfg without what FromEnv keeps of the variables.
func Unread(cfg RunConfig) RunConfig {
	cfg.read = nil
	return cfg
}

// Inspected is what inspect finds in an error: its text, and the names of what is in it.
func Inspected(err error) (text string, found []string) {
	f := inspect(err)
	for _, finding := range []struct {
		name string
		is   bool
	}{
		{"api", f.api != nil},
		{"panicked", f.panicked != nil},
		{"undecodable", f.undecodable != nil},
		{"unsendable", f.unsendable != nil},
		{"dropped", f.dropped != nil},
		{"retry", f.retry != nil},
		{"claimLost", f.claimLost},
		{"canceled", f.canceled},
		{"timedOut", f.timedOut},
		{"unconnected", f.unconnected},
		{"network", f.network},
	} {
		if finding.is {
			found = append(found, finding.name)
		}
	}
	return f.text, found
}

// InspectedAPI is the *APIError that inspect finds in an error.
func InspectedAPI(err error) *APIError { return inspect(err).api }

// InspectedWrap is an error as its findings wrap it.
func InspectedWrap(err error, before string) error {
	f := inspect(err)
	return f.wrap(before)
}

// NewPoll is [Poll] in parts: what runs it, and when getUpdates last answered.
func NewPoll(c *Client, h Handler, cfg PollConfig) (run func(context.Context) error, last func() time.Time, err error) {
	p, err := newPoller(c, h, cfg)
	if err != nil {
		return nil, nil, err
	}
	return p.receive, p.lastAnswer, nil
}

// CheckRun is [Run] as far as it starts nothing.
func CheckRun(h Handler, cfg RunConfig) error {
	_, err := Mount(h, cfg)
	return err
}

// FailedIn is how many failures the note of a Store tells of.
func FailedIn(text []byte) int { return readNote(text).Failed }

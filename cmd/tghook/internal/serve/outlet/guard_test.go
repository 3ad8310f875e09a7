package outlet_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

func TestTheGuard(t *testing.T) {
	for text, public := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "149.154.167.220": true, "100.63.255.255": true, "100.128.0.0": true, "172.32.0.1": true, "::ffff:8.8.8.8": true,
		"2a00:1450:4001:80b::200e": true, "2606:4700::1111": true, "2001:4860:4860::8888": true,
		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "100.100.100.200": false, "127.0.0.1": false, "127.255.255.255": false,
		"169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.0.0.192": false, "192.0.2.1": false, "192.88.99.1": false, "192.168.1.1": false,
		"198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,
		"168.63.129.16": false,
		"::":            false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false,
		"64:ff9b::a00:1": false, "64:ff9b::808:808": false, "64:ff9b:1::1": false, "100::1": false, "2001::1": false, "2001:2::1": false, "2001:db8::1": false, "2002:a00:1::1": false, "2002:7f00:1::": false,
		"3fff::1": false, "fc00::1": false, "fd00:ec2::254": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "5f00::1": false,
	} {
		err := outlet.Check(netip.MustParseAddr(text), []netip.Prefix{})
		require.Equal(t, public, err == nil, text)
	}
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/64"), netip.MustParsePrefix("fe80::/64")}
	for text, allowed := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "fd00::1": true, "fd00:1::1": false, "fe80::1%eth0": true, "127.0.0.1": false} {
		require.Equal(t, allowed, outlet.Check(netip.MustParseAddr(text), allow) == nil, text)
	}
}

func TestTheGuardSeesTheResolvedAddress(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &seen{}
	o, err := outlet.New(outlet.Config{Target: targetAt(t, server.URL), Allow: []netip.Prefix{}, Observe: func(ctx context.Context, a outlet.Attempt) {
		s.add(ctx, a)
		cancel(errStop)
	}})
	require.NoError(t, err)
	defer o.Close()
	_, err = o.Deliver(ctx, update(t, 1))
	require.ErrorIs(t, err, errStop)
	require.Zero(t, asked)
	a := s.list()[0]
	require.True(t, a.Unreachable)
	const problem = "the bot cannot be reached: its host resolves to 127.0.0.1, which is not public; if bots that are added may be there, list the address in admin.allow"
	require.EqualError(t, a.Err, problem)
	require.Equal(t, problem, o.Status().Problem)

	o, err = outlet.New(outlet.Config{Target: targetAt(t, server.URL), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	require.NoError(t, err)
	defer o.Close()
	_, err = o.Deliver(t.Context(), update(t, 1))
	require.NoError(t, err)
	require.Equal(t, 1, asked)
}

package rig

import (
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// FreePort is a port of loopback's that was free a moment ago, and none of those that
// the system gives to whoever asks for any.
func FreePort(tb testing.TB) string {
	tb.Helper()
	for {
		port := strconv.Itoa(10_000 + rand.N(20_000))
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port
		}
		require.ErrorIs(tb, err, syscall.EADDRINUSE)
	}
}

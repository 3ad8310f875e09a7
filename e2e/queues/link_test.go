package main

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// While a link is cut nothing arrives, and nothing ends. When it is healed, the old connections
// end, and new ones work.
func TestACutLinkIsSilent(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is local
	require.NoError(t, err)
	defer server.Close()
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	k, err := newLink(t.Context(), server.Addr().String())
	require.NoError(t, err)
	defer k.end()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", k.Addr().String()) //nolint:noctx // it is local
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	echo := func(conn net.Conn) error {
		_, err := io.WriteString(conn, "hello\n")
		require.NoError(t, err)
		_, err = bufio.NewReader(conn).ReadString('\n')
		return err
	}
	old := dial()
	require.NoError(t, echo(old))
	k.cut()
	k.cut() // by another fault
	k.heal()
	within := func(conn net.Conn) {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	}
	within(old)
	var timeout net.Error
	require.ErrorAs(t, echo(old), &timeout)
	assert.True(t, timeout.Timeout(), "it is cut, and knows nothing")
	k.heal()
	require.NoError(t, old.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.ReadAll(old)
	require.False(t, err != nil && err.(net.Error).Timeout(), "the old connection has not ended") //nolint:errorlint,forcetypeassert // a net.Conn's
	require.NoError(t, echo(dial()))
}

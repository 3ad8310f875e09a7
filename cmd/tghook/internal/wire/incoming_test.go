package wire_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// piped returns a Conn to a webhook in memory, which answers each request with a text.
func piped(t *testing.T, answer string) (*wire.Target, *wire.Conn, net.Conn) {
	t.Helper()
	client, server := net.Pipe()
	target, err := wire.NewTarget(wire.Config{URL: "http://bot.test/", Dial: func(_ context.Context, network, addr string) (net.Conn, error) {
		require.Equal(t, "tcp bot.test:80", network+" "+addr)
		return client, nil
	}})
	require.NoError(t, err)
	conn, err := target.Dial(t.Context())
	require.NoError(t, err)
	go func() {
		in := bufio.NewReader(server)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(server, answer)
		}
	}()
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return target, conn, server
}

func TestExtraHeadersStandBehindTelegrams(t *testing.T) {
	target, err := wire.NewTarget(wire.Config{URL: "http://bot.test/"})
	require.NoError(t, err)
	plain := string(target.Bytes(wire.Request{Body: "{}"}))
	extra := string(target.Bytes(wire.Request{Body: "{}", Extra: [][2]string{{"x-a", "1"}, {"X-B", "2"}}}))
	require.Equal(t, strings.Replace(plain, "\r\n\r\n", "\r\nx-a: 1\r\nX-B: 2\r\n\r\n", 1), extra)
}

func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target, conn, _ := piped(t, "HTTP/1.1 201 Made\r\nContent-Length: 3\r\n\r\nabc")
		for range 2 {
			in, failure := conn.Ask(target.Bytes(wire.Request{}), time.Now().Add(time.Minute))
			require.Nil(t, failure)
			require.Equal(t, "201 Made", in.String())
			require.EqualValues(t, 3, in.Length)
			body, err := io.ReadAll(in.Content)
			require.NoError(t, err)
			require.Equal(t, "abc", string(body))
			require.True(t, in.Reusable())
			require.Empty(t, in.Raw)
		}
		in, failure := conn.Ask(target.Bytes(wire.Request{}), time.Now().Add(time.Minute))
		require.Nil(t, failure)
		require.False(t, in.Reusable(), "its body was not read")
	})
}

func TestAskFails(t *testing.T) {
	for answer, want := range map[string]wire.AskError{
		"":                  {Sent: true},
		"HTTP/1.1 200":      {Sent: true, Began: true},
		"HTTP/1.1 200 OK\r": {Sent: true, Began: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			target, conn, server := piped(t, answer)
			go func() {
				time.Sleep(time.Second)
				server.Close()
			}()
			in, failure := conn.Ask(target.Bytes(wire.Request{}), time.Now().Add(time.Minute))
			require.Nil(t, in)
			require.ErrorIs(t, failure, io.EOF)
			require.Equal(t, want.Sent, failure.Sent)
			require.Equal(t, want.Began, failure.Began)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		target, conn, server := piped(t, "")
		server.Close()
		_, failure := conn.Ask(target.Bytes(wire.Request{}), time.Now().Add(time.Minute))
		require.False(t, failure.Sent || failure.Began)
	})
}

func TestALongHead(t *testing.T) {
	for n, whole := range map[int]bool{255 << 10: true, 256 << 10: false} {
		synctest.Test(t, func(t *testing.T) {
			target, conn, _ := piped(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "+strings.Repeat("a", n)+"\r\n\r\n")
			_, failure := conn.Ask(target.Bytes(wire.Request{}), time.Now().Add(time.Minute))
			if whole {
				require.Nil(t, failure)
			} else {
				require.EqualError(t, failure, "the head of the answer has more than 256 KiB")
			}
		})
	}
}

func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target, conn, server := piped(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		require.ErrorIs(t, conn.Rest(), os.ErrDeadlineExceeded)
		in, failure := conn.Ask(target.Bytes(wire.Request{}), time.Now().Add(time.Minute))
		require.Nil(t, failure)
		_, err := io.ReadAll(in.Content)
		require.NoError(t, err)
		require.True(t, in.Reusable(), "it can be used after its rest")
		go io.WriteString(server, "x")
		require.ErrorContains(t, conn.Rest(), "not asked for")
	})
}

package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/memnet"
)

// conn has the methods that Conn and *net.TCPConn have in common.
type conn interface {
	net.Conn
	CloseWrite() error
	SetLinger(sec int) error
}

// transport is memory, or the system's TCP, which is the reference.
type transport struct {
	listen func(addr string) (net.Listener, error)
	dial   func(ctx context.Context, addr string) (net.Conn, error)
}

func memory() transport {
	n := memnet.New()
	return transport{n.Listen, n.Dial}
}

func sockets() transport {
	return transport{
		func(addr string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
		},
		func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	}
}

func (x transport) listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := x.listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// pair returns both ends of a connection, with deadlines in 30 s.
func (x transport) pair(t *testing.T) (client, server conn) {
	t.Helper()
	l := x.listener(t)
	c, err := x.dial(t.Context(), l.Addr().String())
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	for _, end := range []net.Conn{c, s} {
		t.Cleanup(func() { _ = end.Close() })
		require.NoError(t, end.SetDeadline(time.Now().Add(30*time.Second)))
	}
	return c.(conn), s.(conn)
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if n, err := io.WriteString(c, text); n != len(text) || err != nil {
		t.Fatalf("writing %q: %d, %v", text, n, err)
	}
}

func reads(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v, want %q", b, err, want)
	}
}

// fails checks that err is the error that package net makes of want.
func fails(t *testing.T, what string, err, want error) {
	t.Helper()
	var op *net.OpError
	require.ErrorAs(t, err, &op, what)
	require.ErrorIs(t, err, want, what)
	if timeout := errors.Is(want, os.ErrDeadlineExceeded); op.Timeout() != timeout {
		t.Fatalf("%s: Timeout is %t, want %t", what, !timeout, timeout)
	}
}

func readFails(t *testing.T, c net.Conn, want error) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	require.Zero(t, n)
	fails(t, "reading", err, want)
}

func TestItDoesAsTCPDoes(t *testing.T) {
	t.Parallel()
	for name, network := range map[string]func() transport{"memory": memory, "sockets": sockets} {
		for _, x := range []struct {
			name string
			run  func(*testing.T, transport)
		}{
			{"the peer reads the rest and then the end", closed},
			{"half a connection goes on", halfClosed},
			{"writing to who has closed fails", writeToClosed},
			{"the peer reads the rest and then the reset", reset},
			{"a reset wakes who reads", resetWhileReading},
			{"nothing can be done after Close", afterClose},
			{"Close wakes who reads and who writes", closeWhileWaiting},
			{"a deadline that has passed is heeded before data", pastDeadline},
			{"a deadline wakes who reads and who writes", deadlineWhileWaiting},
			{"a deadline can be shortened and taken back while somebody waits", movedDeadline},
			{"concurrent writes stay together", concurrentWrites},
			{"both ends know each other's address", addresses},
			{"nobody listening refuses", refused},
			{"a closed listener accepts nothing", closedListener},
			{"who waits for Accept is reset by the listener's Close", closedBacklog},
			{"a taken address is in use", addressInUse},
			{"a ctx that has ended dials nothing", endedDial},
		} {
			t.Run(name+": "+x.name, func(t *testing.T) {
				t.Parallel()
				x.run(t, network())
			})
		}
	}
}

func closed(t *testing.T, x transport) {
	client, server := x.pair(t)
	write(t, client, "hello ")
	write(t, client, "you")
	require.NoError(t, client.Close())
	reads(t, server, "hello you")
	for range 2 {
		if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF { //nolint:errorlint // a wrapped io.EOF would end no loop
			t.Fatalf("after the rest Read returns %d, %v, want io.EOF itself", n, err)
		}
	}
}

func halfClosed(t *testing.T, x transport) {
	client, server := x.pair(t)
	write(t, client, "question")
	require.NoError(t, client.CloseWrite())
	if all, err := io.ReadAll(server); err != nil || string(all) != "question" {
		t.Fatalf("the server read %q, %v", all, err)
	}
	if n, err := client.Read(nil); n != 0 || err != nil {
		t.Fatalf("reading nothing waits for something: %d, %v", n, err)
	}
	write(t, server, "answer")
	reads(t, client, "answer")
	_, err := client.Write([]byte("more"))
	fails(t, "writing after CloseWrite", err, syscall.EPIPE)
}

func writeToClosed(t *testing.T, x transport) {
	client, server := x.pair(t)
	require.NoError(t, server.Close())
	writeFails(t, client)
}

func reset(t *testing.T, x transport) {
	client, server := x.pair(t)
	write(t, server, "rest")
	reads(t, client, "re") // all of it has arrived then
	_ = server.SetLinger(0)
	require.NoError(t, server.Close())
	reads(t, client, "st")
	readFails(t, client, syscall.ECONNRESET)
	writeFails(t, client)
}

// writeFails writes until it fails, because TCP notices only then that the peer is gone.
func writeFails(t *testing.T, client net.Conn) {
	t.Helper()
	var err error
	for err == nil {
		_, err = client.Write([]byte("hello"))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		fails(t, "writing", err, syscall.EPIPE)
	}
}

func resetWhileReading(t *testing.T, x transport) {
	client, server := x.pair(t)
	done := make(chan error, 1)
	go func() {
		_, err := client.Read(make([]byte, 1))
		done <- err
	}()
	_ = server.SetLinger(0)
	_ = server.Close()
	fails(t, "reading", <-done, syscall.ECONNRESET)
}

func afterClose(t *testing.T, x transport) {
	client, server := x.pair(t)
	write(t, server, "unread")
	_ = client.Close()
	readFails(t, client, net.ErrClosed)
	_, err := client.Write([]byte("x"))
	fails(t, "Write", err, net.ErrClosed)
	fails(t, "Close", client.Close(), net.ErrClosed)
	fails(t, "CloseWrite", client.CloseWrite(), net.ErrClosed)
	fails(t, "SetDeadline", client.SetDeadline(time.Time{}), net.ErrClosed)
	fails(t, "SetReadDeadline", client.SetReadDeadline(time.Time{}), net.ErrClosed)
	fails(t, "SetWriteDeadline", client.SetWriteDeadline(time.Time{}), net.ErrClosed)
}

// waiting starts a Read, and a Write of more than fits, and returns their errors.
func waiting(c net.Conn) (read, written <-chan error) {
	r, w := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		r <- err
	}()
	go func() {
		_, err := c.Write(make([]byte, 32<<20))
		w <- err
	}()
	return r, w
}

func closeWhileWaiting(t *testing.T, x transport) {
	client, _ := x.pair(t)
	read, written := waiting(client)
	readToo, writtenToo := waiting(client)
	_ = client.Close()
	fails(t, "reading", <-read, net.ErrClosed)
	fails(t, "writing", <-written, net.ErrClosed)
	fails(t, "reading too", <-readToo, net.ErrClosed)
	fails(t, "writing too", <-writtenToo, net.ErrClosed)
}

func pastDeadline(t *testing.T, x transport) {
	client, server := x.pair(t)
	write(t, server, "data")
	_ = client.SetDeadline(time.Now().Add(-time.Second))
	readFails(t, client, os.ErrDeadlineExceeded)
	_, err := client.Write([]byte("x"))
	fails(t, "writing", err, os.ErrDeadlineExceeded)
	_ = client.SetDeadline(time.Time{})
	reads(t, client, "data")
	write(t, client, "more")
	reads(t, server, "more")
}

func deadlineWhileWaiting(t *testing.T, x transport) {
	client, _ := x.pair(t)
	_ = client.SetDeadline(time.Now().Add(10 * time.Millisecond))
	read, written := waiting(client)
	fails(t, "reading", <-read, os.ErrDeadlineExceeded)
	fails(t, "writing", <-written, os.ErrDeadlineExceeded)
}

func movedDeadline(t *testing.T, x transport) {
	client, server := x.pair(t)
	_ = client.SetReadDeadline(time.Now().Add(time.Hour))
	_ = client.SetWriteDeadline(time.Now().Add(time.Hour))
	read, written := waiting(client)
	_ = client.SetDeadline(time.Now())
	fails(t, "reading", <-read, os.ErrDeadlineExceeded)
	fails(t, "writing", <-written, os.ErrDeadlineExceeded)
	_ = client.SetDeadline(time.Time{})
	read, _ = waiting(client)
	write(t, server, "x")
	require.NoError(t, <-read)
}

func concurrentWrites(t *testing.T, x transport) {
	staysTogether(t, x, func() {})
}

func TestWritersWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { staysTogether(t, memory(), synctest.Wait) })
}

// staysTogether checks that the bytes of each Write stay together, with several writers
// that start when begin returns.
func staysTogether(t *testing.T, x transport, begin func()) {
	t.Helper()
	client, server := x.pair(t)
	const size, writers = 300 << 10, 4
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			if _, err := client.Write(bytes.Repeat([]byte{byte('a' + i)}, size)); err != nil {
				t.Error(err)
			}
		})
	}
	go func() { all.Wait(); _ = client.CloseWrite() }()
	begin()
	got, err := io.ReadAll(server)
	require.NoError(t, err)
	require.Len(t, got, writers*size)
	seen := map[byte]bool{}
	for ; len(got) > 0; got = got[size:] {
		require.False(t, seen[got[0]])
		require.Equal(t, bytes.Repeat(got[:1], size), got[:size])
		seen[got[0]] = true
	}
}

func addresses(t *testing.T, x transport) {
	client, server := x.pair(t)
	for _, end := range [][2]net.Addr{{client.LocalAddr(), server.RemoteAddr()}, {client.RemoteAddr(), server.LocalAddr()}} {
		a, b := end[0].(*net.TCPAddr), end[1].(*net.TCPAddr)
		assert.Equal(t, b.String(), a.String())
		assert.True(t, a.IP.IsLoopback(), b)
		assert.NotZero(t, a.Port, b)
		assert.Equal(t, "tcp", a.Network(), b)
	}
}

func refused(t *testing.T, x transport) {
	l := x.listener(t)
	_ = l.Close()
	_, err := x.dial(t.Context(), l.Addr().String())
	fails(t, "dialing", err, syscall.ECONNREFUSED)
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:70000", "127.0.0.1:x"} {
		var op *net.OpError
		if _, err := x.dial(t.Context(), addr); !errors.As(err, &op) || op.Op != "dial" {
			t.Errorf("dialing %s: %v, want a *net.OpError", addr, err)
		}
		if _, err := x.listen(addr); !errors.As(err, &op) || op.Op != "listen" {
			t.Errorf("listening at %s: %v, want a *net.OpError", addr, err)
		}
	}
}

func closedListener(t *testing.T, x transport) {
	l := x.listener(t)
	done := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	require.NoError(t, l.Close())
	fails(t, "the Accept that waited", <-done, net.ErrClosed)
	_, err := l.Accept()
	fails(t, "Accept", err, net.ErrClosed)
	fails(t, "Close", l.Close(), net.ErrClosed)
	again, err := x.listen(l.Addr().String())
	require.NoError(t, err)
	_ = again.Close()
}

func closedBacklog(t *testing.T, x transport) {
	l := x.listener(t)
	c, err := x.dial(t.Context(), l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_ = l.Close()
	readFails(t, c, syscall.ECONNRESET)
}

func addressInUse(t *testing.T, x transport) {
	_, err := x.listen(x.listener(t).Addr().String())
	fails(t, "listening", err, syscall.EADDRINUSE)
}

func endedDial(t *testing.T, x transport) {
	l := x.listener(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := x.dial(ctx, l.Addr().String())
	fails(t, "dialing", err, context.Canceled)
}

func TestAWriteWaitsForRoomAloneAndGoesOnWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := memory().pair(t)
		_ = client.SetDeadline(time.Time{})
		write(t, client, strings.Repeat("x", 64<<10)) // the peer does not read
		written := 0
		go func() { written, _ = client.Write([]byte("y")) }()
		synctest.Wait()
		require.Zero(t, written, "a byte above the capacity was written")
		reads(t, server, "x")
		synctest.Wait()
		require.Equal(t, 1, written, "a byte was read and another not written")
		reads(t, server, strings.Repeat("x", 64<<10-1)+"y")
	})
}

func TestAWriteThatEndsEarlySaysHowMuchWasWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := memory().pair(t)
		start := time.Now()
		_ = client.SetWriteDeadline(start.Add(time.Minute))
		n, err := client.Write(make([]byte, 100<<10))
		fails(t, "writing", err, os.ErrDeadlineExceeded)
		assert.Equal(t, 64<<10, n, time.Since(start))
		assert.Equal(t, time.Minute, time.Since(start))
		_ = server.SetReadDeadline(time.Time{})
		_ = client.Close()
		if got, err := io.ReadAll(server); err != nil || len(got) != n {
			t.Errorf("%d bytes arrived, %v, want %d", len(got), err, n)
		}
	})
}

func TestADeadlineIsExactInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := memory().pair(t)
		start := time.Now()
		_ = client.SetReadDeadline(start.Add(time.Second))
		_ = client.SetReadDeadline(start.Add(24 * time.Hour)) // replaces the first deadline
		readFails(t, client, os.ErrDeadlineExceeded)
		assert.Equal(t, 24*time.Hour, time.Since(start))
		readFails(t, client, os.ErrDeadlineExceeded)
		_ = client.SetReadDeadline(time.Now().Add(time.Minute))
		_ = client.SetReadDeadline(time.Time{}) // removes this one too
		time.AfterFunc(time.Hour, func() { write(t, server, "x") })
		_ = server.SetDeadline(time.Time{})
		reads(t, client, "x")
		assert.Equal(t, 25*time.Hour, time.Since(start))
	})
}

func TestNamesAndAddressesAreHosts(t *testing.T) {
	t.Parallel()
	n := memnet.New()
	for _, x := range []struct{ listen, addr, dial, host string }{
		{"bot.example.org:443", "127.0.0.1:443", "BOT.example.org:443", "Bot.example.org"},
		{"other.example.org:443", "127.0.0.1:443", "other.example.org:443", "other.example.org"},
		{"149.154.167.220:443", "149.154.167.220:443", "149.154.167.220:443", "149.154.167.220"},
		{"[2001:db8:0:0::1]:80", "[2001:db8::1]:80", "[2001:db8::1]:80", "2001:db8::1"},
		{":8080", "127.0.0.1:8080", "localhost:8080", "localhost"},
		{"0.0.0.0:8081", "127.0.0.1:8081", "127.0.0.1:8081", "127.0.0.1"},
		{"[::]:8082", "127.0.0.1:8082", "127.0.0.1:8082", ""},
		{"new.example.org:0", "127.0.0.1:49152", "new.example.org:49152", "new.example.org"},
		{"localhost:0", "127.0.0.1:49153", "127.0.0.1:49153", "127.0.0.1"},
	} {
		l, err := n.Listen(x.listen)
		require.NoError(t, err)
		assert.Equal(t, x.addr, l.Addr().String(), x.listen)
		assert.True(t, n.Has(x.host), x.host)
		client, err := n.Dial(t.Context(), x.dial)
		require.NoError(t, err)
		write(t, client, x.listen)
		server, err := l.Accept()
		require.NoError(t, err)
		reads(t, server, x.listen)
		if from, to := server.RemoteAddr().(*net.TCPAddr), server.LocalAddr().String(); !from.IP.IsLoopback() || to != x.addr {
			t.Errorf("%s was reached at %s from %s", x.listen, to, from)
		}
		_ = l.Close()
		assert.False(t, n.Has("new.example.org"), "who has stopped listening is still to be found")
		assert.False(t, n.Has("bot.example.org"), "who has stopped listening is still to be found")
	}
}

func TestFreePortsComeRound(t *testing.T) {
	t.Parallel()
	n := memnet.New()
	held, err := n.Listen("127.0.0.1:49152")
	require.NoError(t, err)
	defer held.Close()
	seen := map[string]bool{}
	for range 65536 - 49152 + 1 {
		l, err := n.Listen("127.0.0.1:0")
		require.NoError(t, err)
		seen[l.Addr().String()] = true
		_ = l.Close()
	}
	require.Len(t, seen, 65536-49152-1)
	assert.False(t, seen[held.Addr().String()])
}

func BenchmarkPingPong(b *testing.B) {
	for name, x := range map[string]transport{"memory": memory(), "sockets": sockets()} {
		b.Run(name, func(b *testing.B) {
			l, err := x.listen("127.0.0.1:0")
			require.NoError(b, err)
			defer l.Close()
			client, err := x.dial(b.Context(), l.Addr().String())
			require.NoError(b, err)
			defer client.Close()
			server, err := l.Accept()
			require.NoError(b, err)
			go func() {
				defer server.Close()
				answer := make([]byte, 512)
				for {
					if _, err := io.ReadFull(server, answer); err != nil {
						return
					}
					if _, err := server.Write(answer); err != nil {
						return
					}
				}
			}()
			message := make([]byte, 512)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(message); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

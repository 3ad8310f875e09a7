package sender_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// A request has one minute in all, even if bytes of the answer keep coming.
func TestAnAnswerHasAMinuteInAll(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(request) string{
		"that never comes": func(q request) string {
			if q.nth == 0 {
				time.Sleep(5 * time.Minute)
			}
			return ok
		},
		"that comes a moment too late": func(q request) string {
			if q.nth == 0 {
				time.Sleep(time.Minute + time.Millisecond)
			}
			return ok
		},
	} {
		inBubble(t, answer, nil, func(r *rig) {
			r.pass(30 * time.Second)
			r.send(1, "x")
			r.pass(time.Minute)
			r.expectFailures("Read timeout expired")
			assert.Equal(t, []time.Duration{30 * time.Second, 90 * time.Second}, r.times(0), "requests with an answer "+name)
			assert.Zero(t, r.queue.Len(), "updates that wait")
			r.pass(5 * time.Minute)
			r.expectFailures("Read timeout expired")
		})
	}
}

func TestAnAnswerThatDripsIsCutAfterAMinute(t *testing.T) {
	t.Parallel()
	inBubble(t, always(silence), func(cfg *sender.Config) {
		dial := cfg.Dial
		cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			c, err := dial(ctx, addr)
			return &dripping{Conn: c}, err
		}
	}, func(r *rig) {
		r.send(1, "x")
		r.pass(59 * time.Second)
		r.expectFailures()
		r.pass(time.Second)
		r.expectFailures("Read timeout expired")
	})
}

// dripping is a connection whose Read returns a byte each second.
type dripping struct {
	net.Conn
	read   int
	closed atomic.Bool
}

func (d *dripping) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	if d.closed.Load() {
		return 0, net.ErrClosed
	}
	b[0] = ("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1000))[d.read]
	d.read++
	return 1, nil
}

func (d *dripping) Close() error {
	d.closed.Store(true)
	return d.Conn.Close()
}

func TestAnAnswerJustInTimeCounts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(request) string {
		time.Sleep(time.Minute - time.Nanosecond)
		return ok
	}, nil, func(r *rig) {
		r.pass(45 * time.Second)
		r.send(1, "x")
		r.pass(time.Minute)
		r.expectFailures()
		assert.Len(t, r.got(), 1, "requests")
		assert.Zero(t, r.queue.Len(), "updates that wait")
	})
}

// dialing makes Dial fail with err.
func dialing(err error) func(*sender.Config) {
	return func(cfg *sender.Config) {
		cfg.Dial = func(context.Context, string) (net.Conn, error) { return nil, err }
	}
}

func TestAConnectionThatFailsIsToldOfAndBurnsAnAttempt(t *testing.T) {
	t.Parallel()
	connect := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
	}
	for want, err := range map[string]error{
		"Connection refused":       connect(syscall.ECONNREFUSED),
		"Connection reset by peer": connect(syscall.ECONNRESET),
		"Connection timed out":     connect(syscall.ETIMEDOUT),
		"No route to host":         connect(syscall.EHOSTUNREACH),
		"Network is unreachable":   connect(syscall.ENETUNREACH),
		"":                         &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}},
		"nowhere":                  errNowhere,
	} {
		inBubble(t, always(ok), dialing(err), func(r *rig) {
			told := func(times int) {
				if want == "" {
					times = 0
				}
				r.expectFailures(slices.Repeat([]string{want}, times)...)
			}
			told(1) // without any update
			r.pass(10 * time.Second)
			told(1)
			r.send(1, "x")
			r.pass(7 * time.Second)
			told(5) // every two seconds; at the fourth time the update is not due yet
			assert.Equal(t, fmt.Sprintf("1: 10s+0s 0 %[1]s, 2: 12s+0s 0 %[1]s, 3: 14s+0s 0 %[1]s", want), r.log(), "attempts")
		})
	}
}

func TestNobodyListensIsConnectionRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, always(ok), func(cfg *sender.Config) { cfg.Addr = "bot.example.org:81" }, func(r *rig) {
		r.expectFailures("Connection refused")
	})
}

// Packets are lost, so the request is not written.
func TestAConnectionThatIsNeverMadeIsGivenUpAfterAMinute(t *testing.T) {
	t.Parallel()
	hang := func(cfg *sender.Config) {
		cfg.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	inBubble(t, always(ok), hang, func(r *rig) {
		r.pass(20 * time.Second)
		r.send(1, "x")
		r.pass(59 * time.Second)
		r.expectFailures()
		r.pass(time.Second)
		r.expectFailures("Write timeout expired")
		assert.Equal(t, time.Minute, r.saw().attempts[0].Took, "how long it took")
	})
	inBubble(t, always(ok), hang, func(r *rig) {
		r.pass(time.Hour)
		r.expectFailures() // there was nothing to write
	})
}

// The receiver's window is full: part of the request is not written.
func TestARequestThatIsNotTakenIsAWriteTimeout(t *testing.T) {
	t.Parallel()
	inBubble(t, always(ok), func(cfg *sender.Config) { cfg.Addr = "deaf.example.org:80" }, func(r *rig) {
		l, err := r.network.Listen("deaf.example.org:80")
		require.NoError(t, err)
		defer l.Close()
		r.send(1, strings.Repeat("x", 200<<10))
		r.pass(time.Minute)
		r.expectFailures("Write timeout expired")
	})
}

// Telegram reports this in its log only.
func TestACleanEndIsRetriedAndNotToldOf(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		hangUp,
		"HTTP/1.1 200 OK\r\nContent-Le" + hangUp,
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello" + hangUp,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + hangUp,
	} {
		inBubble(t, func(q request) string {
			if q.nth == 0 {
				return answer
			}
			return ok
		}, nil, func(r *rig) {
			r.send(1, "x")
			r.pass(2 * time.Second)
			assert.Equal(t, []time.Duration{0, 2 * time.Second}, r.times(0), "requests")
			r.expectFailures()
			assert.Zero(t, r.saw().attempts[0].Status, "the first attempt's status")
			assert.Empty(t, r.saw().attempts[0].Err, "the first attempt's error")
			assert.Zero(t, r.queue.Len(), "updates that wait")
		})
	}
}

func TestAnAbruptEndIsConnectionReset(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.nth == 0 {
			return reset
		}
		return ok
	}, nil, func(r *rig) {
		r.send(1, "x")
		r.pass(2 * time.Second)
		r.expectFailures("Connection reset by peer")
		assert.Zero(t, r.queue.Len(), "updates that wait")
	})
}

// Telegram does not read a body that only the end of the connection ends.
func TestABodyUntilTheEndIsEmpty(t *testing.T) {
	t.Parallel()
	for _, head := range []string{"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n", "HTTP/1.0 200 OK\r\n"} {
		inBubble(t, always(head+"Content-Type: application/json\r\n\r\n"+`{"method":"sendMessage"}`+hangUp), nil, func(r *rig) {
			r.send(1, "x")
			r.pass(time.Second)
			assert.Len(t, r.got(), 1, "requests")
			assert.Zero(t, r.queue.Len(), "updates that wait")
			assert.Empty(t, r.saw().replies, "methods that were executed")
			r.expectFailures()
		})
	}
}

func TestErrorsAreInTelegramsWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "odd", sender.ErrorText(errors.New("odd")), "an unknown error")
	assert.Equal(t, "Broken pipe", sender.ErrorText(&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}), "a broken pipe")
	assert.Empty(t, sender.ErrorText(&net.OpError{Op: "read", Err: net.ErrClosed}), "an end by ourselves")
}

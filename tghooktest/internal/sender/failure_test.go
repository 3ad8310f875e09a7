package sender_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

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

func TestErrorsAreInTelegramsWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "odd", sender.ErrorText(errors.New("odd")), "an unknown error")
	assert.Equal(t, "Broken pipe", sender.ErrorText(&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}), "a broken pipe")
	assert.Empty(t, sender.ErrorText(&net.OpError{Op: "read", Err: net.ErrClosed}), "an end by ourselves")
}

// An answer that comes together with a reset is lost by chance, which the seed decides.
func TestAResetLosesThreeAnswersOfEight(t *testing.T) {
	t.Parallel()
	const seeds = 200
	lost := 0
	for seed := range uint64(seeds) {
		run := func() (log string) {
			inBubble(t, func(q request) string {
				if q.nth == 0 {
					return withBody("200 OK", asJSON, sayHi) + reset
				}
				return ok
			}, func(cfg *sender.Config) { cfg.Seed, cfg.Latency = seed, true }, func(r *rig) {
				r.send(1, "a")
				r.pass(5 * time.Second)
				r.expectFailures("Connection reset by peer")
				assert.Zero(t, r.queue.Len(), "updates that wait")
				assert.Len(t, r.saw().replies, 2-len(r.got()), "calls that were executed")
				log = r.log()
			})
			return log
		}
		first := run()
		assert.Equal(t, first, run(), "the same seed gives the same run")
		if strings.Contains(first, ", 2: ") {
			lost++
		}
	}
	assert.InDelta(t, seeds*3/8, lost, 20, "answers that were lost")
}

package sender_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// An answer that calls nothing may have any length. The parser keeps little of it, even if
// no piece of it ends where a chunk ends.
func TestALongAnswerNeedsLittleMemory(t *testing.T) {
	t.Parallel()
	chunk := "3e8\r\n" + strings.Repeat("x", 1000) + "\r\n"
	for _, split := range []int{0, 1, 500} {
		kept, err := sender.Kept(chunked+chunk[:split], chunk[split:]+chunk[:split], 5000)
		require.NoErrorf(t, err, "an answer that is split at %d", split)
		assert.Lessf(t, kept, 64<<10, "bytes kept of 5 MB that are split at %d", split)
	}
}

// A webhook that writes without end, and to no request, is read only so far.
func TestBytesThatNoRequestAwaitsAreNotReadWithoutEnd(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	inBubble(t, always(ok), func(cfg *sender.Config) {
		cfg.Dial = func(context.Context, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			go func() {
				for b := make([]byte, 1<<10); ; {
					n, err := far.Write(b)
					if written.Add(int64(n)); err != nil {
						return
					}
					if written.Load() >= 16<<20 { // the test has failed
						_ = far.Close()
					}
				}
			}()
			return near, nil
		}
	}, func(r *rig) {
		r.pass(time.Second)
		assert.Less(t, written.Load(), int64(2<<20), "bytes that were read")
		r.send(1, "x")
		r.pass(time.Second)
		assert.Contains(t, r.saw().failed, "Request Header Fields Too Large: total headers size exceeded", "the failures")
	})
}

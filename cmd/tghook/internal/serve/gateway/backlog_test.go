package gateway_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
)

// slowLetters counts how often it is asked what waits.
type slowLetters struct {
	tghook.Letters

	err   error
	asked int
}

func (l *slowLetters) State(context.Context, int64) (tghook.QueueState, error) {
	l.asked++ // one call at a time
	time.Sleep(time.Second)
	return tghook.QueueState{}, l.err
}

// A full bot is counted once for all updates that come while it is counted.
func TestAFullBotIsCountedOnceForMany(t *testing.T) {
	for name, err := range map[string]error{"the storage answers": nil, "the storage is away": context.DeadlineExceeded} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &slowLetters{err: err}
				gateway.ReserveAtOnce(t.Context(), l, 100)
				require.Equal(t, 1, l.asked)
			})
		})
	}
}

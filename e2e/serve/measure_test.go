package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// The bot that hangs does so until the phase has ended, and the gateway waits a minute for it. So a bot
// that waits for it gets its updates far later than after a stall of the machine. A stall delays a part
// of a phase, and a lesser fault delays all of it.
func TestBadBotsDoNotDelayOthers(t *testing.T) { //nolint:paralleltest // it measures
	r, err := isolation{bots: 50, rate: 100, flood: 200, phases: 2, lasts: 3 * time.Second}.run(t.Context())
	t.Log("\n" + r.String())
	require.NoError(t, err)
	assert.LessOrEqual(t, quantile(r.among, 0.99), 20*time.Second, "p99 with bad bots")
	assert.LessOrEqual(t, quantile(r.among, 0.25), 4*quantile(r.alone, 0.25)+2*time.Second, "the first quarter with bad bots")
	assert.Len(t, r.among, len(r.alone))
	assert.NotZero(t, r.flooded)
}

func TestTheMeasurementMeasuresEachWay(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := measurement{rates: []float64{100}, lasts: time.Second}.run(t.Context(), &out)
	engine.LeaveOut(t, err)
	require.NoError(t, err)
	t.Log("\n" + out.String())
	for _, w := range ways {
		assert.Regexp(t, `(?m)^ *100 +`+w.name+` +[0-9.]+ ms +[0-9.]+ ms `, out.String())
		assert.Regexp(t, `(?m)^ *`+w.name+` +[1-9][0-9]* +[0-9.]+ `, out.String())
	}
}

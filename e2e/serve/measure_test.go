package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// A bot that waits for the one that hangs gets nothing in a phase. The bound is far wider than that of
// the measurement, because other programs may run and the machine may be slow.
func TestBadBotsDoNotDelayOthers(t *testing.T) { //nolint:paralleltest // it measures
	r, err := isolation{bots: 50, rate: 100, flood: 200, phases: 2, lasts: 3 * time.Second}.run(t.Context())
	t.Log("\n" + r.String())
	require.NoError(t, err)
	alone, among := quantile(r.alone, 0.99), quantile(r.among, 0.99)
	assert.LessOrEqual(t, among, 4*alone+2*time.Second, "p99 with bad bots")
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

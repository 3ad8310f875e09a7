//go:build unix

package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// Each way carries every update to its handler, once: measure fails otherwise.
func TestEachWayIsMeasured(t *testing.T) {
	t.Parallel()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := run(t.Context(), &out, 1, 100*time.Millisecond, regexp.MustCompile(`^BenchmarkQueues/(full|paced|parallel_4)/`+w.name+`$`))
			engine.LeaveOut(t, err)
			require.NoError(t, err)
			for _, part := range []string{"full", "paced", "parallel_4"} {
				assert.Regexp(t, fmt.Sprintf(`(?m)^BenchmarkQueues/%s/%s [1-9]\d* [\d.]+ `, part, w.name), out.String())
			}
			assert.NotRegexp(t, ` -| 0(\.0+)? `, out.String(), "a figure is missing")
		})
	}
}

func TestADiskIsMeasured(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, 2, 20*time.Millisecond, regexp.MustCompile("flush")))
	assert.Regexp(t, `^(BenchmarkQueues/flush/disk \d+ [\d.]+ flush-p50-ms [\d.]+ flush-p99-ms\n){2}$`, out.String())
}

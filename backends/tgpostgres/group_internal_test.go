package tgpostgres

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func TestACallThatIsGivenUpLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		var ran []int
		g := group[int]{most: 10, large: 10, size: func(int) int { return 0 }, run: func(items []int) []error {
			ran = append(ran, items...)
			<-hangs
			return make([]error, len(items))
		}}
		ended := make(chan bool)
		call := func(ctx context.Context, item int) {
			go func() {
				_, ok := g.do(ctx, item)
				ended <- ok
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		call(ctx, 1)
		call(ctx, 2)
		call(t.Context(), 3)
		cancel()
		assert.False(t, <-ended)
		assert.False(t, <-ended)
		assert.Len(t, g.waiting, 1)
		close(hangs)
		assert.True(t, <-ended)
		synctest.Wait()
		assert.Equal(t, []int{1, 3}, ran)
	})
}

package tghooktest_test

import (
	"testing"
	"time"

	"github.com/tghook/tghook/internal/test/memstore"
	"github.com/tghook/tghook/tghooktest"
)

func TestAStoreInMemoryPasses(t *testing.T) {
	t.Parallel()
	t.Run("with a server that can be stopped", func(t *testing.T) {
		t.Parallel()
		store := memstore.New()
		down := func(is bool) { store.Set(func(s *memstore.Store) { s.Down = is }) }
		tghooktest.TestStore(t, func(testing.TB) tghooktest.Backend {
			return tghooktest.Backend{Store: store, Stop: func() { down(true) }, Start: func() {
				time.Sleep(50 * time.Millisecond) // as a server takes to start
				down(false)
			}}
		})
	})
	t.Run("without", testStore)
}

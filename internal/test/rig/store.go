package rig

import (
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memstore"
)

// ErrStoreDown is the error of a Store that is down.
var ErrStoreDown = memstore.ErrDown

// A Store stands at the other end of a network, with faults to switch on.
type Store = memstore.Store

// NewStore is an empty Store.
func NewStore() *Store { return memstore.New() }

// Replica is the configuration of one of several processes that share s.
func Replica(s *Store) tghook.Config {
	return tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 1, Store: s}}
}

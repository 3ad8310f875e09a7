package rig

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
)

// A Caller notes its calls.
type Caller struct {
	mu    sync.Mutex
	Calls []string
	Do    func(ctx context.Context, method string) error // nil: succeeds
}

// Call implements [tghook.Caller].
func (a *Caller) Call(ctx context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.Calls = append(a.Calls, method+string(encoded))
	a.mu.Unlock()
	if a.Do == nil {
		return nil
	}
	return a.Do(ctx, method)
}

// All returns the calls so far, each as its method and its parameters.
func (a *Caller) All() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.Calls)
}

// A CallerFunc is a Caller.
type CallerFunc func(ctx context.Context, method string, params any) error

// Call implements [tghook.Caller].
func (f CallerFunc) Call(ctx context.Context, method string, params, _ any) error {
	return f(ctx, method, params)
}
